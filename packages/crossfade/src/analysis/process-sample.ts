/** What one process cost, looked at from outside: the raw material of cpu-per-audio-hour and rss. Pure. */

/** One look at one process and the processes of its engines. Counters grow from the process's start. */
export interface ProcessSample {
  /** Name in the configuration: `control-plane`, `gateway`, or a pipeline's. */
  readonly process: string;
  readonly kind: 'control-plane' | 'gateway' | 'pipeline';
  /** Of pipelines: the build that runs. */
  readonly build?: string;
  /** Another pid is another life: its counters begin at zero. */
  readonly pid: number;
  readonly atMs: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Of pipelines: sessions that are open, and audio that was received, all sessions together. */
  readonly sessions?: number;
  readonly audioMs?: number;
}

/** A stretch of one process's life; the unit of evidence for what a pipeline costs. */
export interface ProcessBlock {
  readonly process: string;
  readonly build?: string;
  /** The block is `[startMs, startMs + length)` of the wall clock. */
  readonly startMs: number;
  /** Looks that fell into it. */
  readonly samples: number;
  /** Spent and heard between looks at the same pid. */
  readonly cpuMs: number;
  readonly audioMs: number;
  readonly rssBytesMean: number;
  readonly rssBytesMax: number;
}

/** DOMAIN.md compares pipelines in blocks of half an hour. */
export const processBlockMs = 1_800_000;

/** Sums samples by process, build and block, oldest first. What a process spent between two lives is in no block. */
export function processBlocks(
  samples: readonly ProcessSample[],
  blockMs: number = processBlockMs,
): readonly ProcessBlock[] {
  const blocks = new Map<string, ProcessBlock>();
  const previous = new Map<string, ProcessSample>();
  for (const sample of [...samples].sort((a, b) => a.atMs - b.atMs)) {
    const { process, build, atMs, rssBytes } = sample;
    const life = `${process} ${sample.pid}`;
    const before = previous.get(life);
    previous.set(life, sample);
    const startMs = Math.floor(atMs / blockMs) * blockMs;
    const key = `${process} ${build ?? ''} ${startMs}`;
    const block = blocks.get(key);
    const count = (block?.samples ?? 0) + 1;
    blocks.set(key, {
      process,
      ...(build === undefined ? {} : { build }),
      startMs,
      samples: count,
      cpuMs: (block?.cpuMs ?? 0) + grown(before?.cpuMs, sample.cpuMs),
      audioMs: (block?.audioMs ?? 0) + grown(before?.audioMs, sample.audioMs ?? 0),
      rssBytesMean: ((block?.rssBytesMean ?? 0) * (count - 1) + rssBytes) / count,
      rssBytesMax: Math.max(block?.rssBytesMax ?? 0, rssBytes),
    });
  }
  return [...blocks.values()];
}

/** A first look says nothing of the time before it; a counter that went back is another life with an old pid. */
function grown(before: number | undefined, now: number): number {
  return before === undefined ? 0 : Math.max(0, now - before);
}
