import type { IdSource } from '@crossfade/sdk/core/ids';
import { type ProcessBlock, processBlocks, type ProcessSample } from '../analysis/process-sample.ts';

/** Samples kept of one process: a day and a night, looked at every 5 s. */
const samplesPerProcessMax = 17_280;
/** More than a system has processes; one more takes the place of the one that is silent longest. */
const processesMax = 64;

/**
 * What every process cost, as the supervisor saw it. In memory: whoever sends is told which control plane it speaks to,
 * and sends again to a new one.
 */
export class ProcessSamples {
  /** Of this control plane's life. */
  readonly instance: string;
  readonly #byProcess = new Map<string, ProcessSample[]>();

  constructor(ids: IdSource) {
    this.instance = ids.next();
  }

  /** Takes samples in any order; one that is known already counts once. */
  add(samples: readonly ProcessSample[]): void {
    for (const sample of samples) {
      const known = this.#byProcess.get(sample.process) ?? [];
      if (!put(known, sample)) continue;
      if (known.length > samplesPerProcessMax) known.splice(0, samplesPerProcessMax / 10);
      this.#byProcess.delete(sample.process);
      this.#byProcess.set(sample.process, known);
      const [oldest] = this.#byProcess.keys();
      if (this.#byProcess.size > processesMax && oldest !== undefined) this.#byProcess.delete(oldest);
    }
  }

  /** The latest sample of each process. */
  latest(): readonly ProcessSample[] {
    return [...this.#byProcess.values()].flatMap((samples) => samples.slice(-1));
  }

  /** Samples of one process from `sinceMs` on, oldest first. */
  of(process: string, sinceMs = 0): readonly ProcessSample[] {
    return (this.#byProcess.get(process) ?? []).filter(({ atMs }) => atMs >= sinceMs);
  }

  /** Half-hour blocks of one process from `sinceMs` on, oldest first. */
  blocks(process: string, sinceMs = 0): readonly ProcessBlock[] {
    return processBlocks(this.of(process, sinceMs));
  }
}

/** Puts a sample in its place by time, nearly always the last. False: it is there already. */
function put(known: ProcessSample[], sample: ProcessSample): boolean {
  const before = known.findLastIndex(({ atMs }) => atMs <= sample.atMs);
  const same = known[before];
  if (same?.atMs === sample.atMs && same.pid === sample.pid) return false;
  known.splice(before + 1, 0, sample);
  return true;
}
