/**
 * Looks at every process of a system from outside: what it costs, for the control plane, and whether a pipeline still
 * answers and stays within its memory. One that does not is replaced; the gateway replays its sessions.
 */
import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { ProcessSample } from '../../analysis/process-sample.ts';
import { processSamplesMax } from '../../wire/process-samples.ts';

/** A process as the watch sees it. */
export interface WatchedProcess {
  readonly name: string;
  readonly kind: ProcessSample['kind'];
  /** Undefined while it is not ready. */
  pid(): number | undefined;
  /** Of pipelines. */
  readonly build?: string;
  /** Of pipelines: memory that it and its engines may take. */
  readonly rssBytesMax?: number;
  /** Of pipelines: asks it how it is; rejects when it does not answer in time. */
  health?(limitMs: number): Promise<PipelineHealth>;
  /** Ends it, so that another takes its place. */
  replace(why: string): void;
}

export interface PipelineHealth {
  readonly sessions: number;
  readonly audioMs: number;
  /** It and its engines. */
  readonly pids: readonly number[];
}

export interface ProcessUsage {
  readonly cpuMs: number;
  readonly rssBytes: number;
}

export interface ProcessWatchOptions {
  readonly processes: () => readonly WatchedProcess[];
  /** Of several processes together; a process that is gone counts nothing. */
  readonly usageOf: (pids: readonly number[]) => Promise<ProcessUsage>;
  /** Sends samples; answers which control plane took them. Rejects when none did. */
  readonly send: (samples: readonly ProcessSample[]) => Promise<string>;
  readonly clock: Clock;
  readonly timing?: Partial<WatchTiming>;
  readonly onProblem?: (sentence: string) => void;
}

export interface WatchTiming {
  /** Between two looks. */
  readonly everyMs: number;
  /** A pipeline that answered nothing for this long hangs. */
  readonly hangMs: number;
}

const defaultTiming: WatchTiming = {
  // Half-hour blocks need no more; a leak takes minutes.
  everyMs: 5_000,
  // An engine that loads, or a machine with ten times more to do than it has cores, keeps a process silent for seconds.
  hangMs: 20_000,
};

/** Samples kept for a control plane that is away or starts anew: six hours of four processes. */
const samplesKeptMax = 17_280;

export class ProcessWatch {
  readonly #options: ProcessWatchOptions;
  readonly #timing: WatchTiming;
  readonly #answeredAtMs = new Map<string, { readonly pid: number; readonly atMs: number }>();
  #kept: ProcessSample[] = [];
  /** Samples of `#kept` that the control plane `#instance` has. */
  #sent = 0;
  #instance: string | null = null;
  #wasHeard = true;
  #cancelTimer: Cancel = () => undefined;
  #isOver = false;

  constructor(options: ProcessWatchOptions) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
  }

  start(): void {
    const look = (): void => {
      void this.look().then(() => {
        if (!this.#isOver) this.#cancelTimer = this.#options.clock.after(this.#timing.everyMs, look);
      });
    };
    look();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancelTimer();
  }

  /** Looks at every process once and sends what it saw. Never rejects. */
  async look(): Promise<void> {
    const samples = await Promise.all(this.#options.processes().map((process) => this.#lookAt(process)));
    this.#kept.push(...samples.filter((sample) => sample !== null));
    const tooMany = this.#kept.length - samplesKeptMax;
    if (tooMany > 0) {
      this.#kept.splice(0, tooMany);
      this.#sent = Math.max(0, this.#sent - tooMany);
    }
    if (!this.#isOver) await this.#sendRest();
  }

  async #lookAt(process: WatchedProcess): Promise<ProcessSample | null> {
    const pid = process.pid();
    if (pid === undefined) return null;
    const { clock, usageOf } = this.#options;
    try {
      const health = await process.health?.(Math.min(this.#timing.everyMs, this.#timing.hangMs));
      // Another process may have taken its place meanwhile.
      if (this.#isOver || process.pid() !== pid) return null;
      this.#answeredAtMs.set(process.name, { pid, atMs: clock.monotonicMs() });
      const usage = await usageOf(health?.pids ?? [pid]);
      this.#replaceIfLeaking(process, usage);
      const { name, kind, build } = process;
      const heard = health === undefined ? {} : { sessions: health.sessions, audioMs: health.audioMs };
      return {
        process: name,
        kind,
        ...(build === undefined ? {} : { build }),
        pid,
        atMs: clock.nowMs(),
        ...usage,
        ...heard,
      };
    } catch {
      if (!this.#isOver) this.#replaceIfHanging(process, pid);
      return null;
    }
  }

  #replaceIfLeaking(process: WatchedProcess, { rssBytes }: ProcessUsage): void {
    const { rssBytesMax } = process;
    if (rssBytesMax === undefined || rssBytes <= rssBytesMax) return;
    const mb = (bytes: number): number => Math.round(bytes / 1_048_576);
    process.replace(`took ${mb(rssBytes)} MB of memory, limit ${mb(rssBytesMax)}`);
  }

  #replaceIfHanging(process: WatchedProcess, pid: number): void {
    if (process.health === undefined || process.pid() !== pid) return;
    const nowMs = this.#options.clock.monotonicMs();
    const last = this.#answeredAtMs.get(process.name);
    // It said that it was ready, so it is given its time from the first look on.
    if (last?.pid !== pid) this.#answeredAtMs.set(process.name, { pid, atMs: nowMs });
    else if (nowMs - last.atMs >= this.#timing.hangMs) {
      process.replace(`answered nothing for ${Math.round((nowMs - last.atMs) / 1_000)} s`);
    }
  }

  /** In batches, oldest first; what is not taken waits for the next look. */
  async #sendRest(): Promise<void> {
    try {
      while (this.#sent < this.#kept.length && !this.#isOver) {
        const batch = this.#kept.slice(this.#sent, this.#sent + processSamplesMax);
        const instance = await this.#options.send(batch);
        // A control plane that was started anew has nothing of what was sent before.
        const isNew = this.#instance !== null && this.#instance !== instance;
        this.#instance = instance;
        this.#sent = isNew ? 0 : this.#sent + batch.length;
      }
      this.#wasHeard = true;
    } catch (error) {
      if (this.#wasHeard && !this.#isOver)
        this.#options.onProblem?.(`what processes cost could not be told; trying again: ${messageOf(error)}`);
      this.#wasHeard = false;
    }
  }
}
