import type { ProbeScript, ProbeWord } from './probe-script.ts';

/** A word as it was heard: from the samples, or from a transcript by `wordIndex`. */
export interface HeardWord {
  readonly index: number;
  readonly start: number;
}

/** Where the heard audio jumps against the truth. */
export interface Splice {
  /** The first word after it. */
  readonly before: ProbeWord;
  /** Samples that are missing (positive) or came again or were put in (negative). */
  readonly lostSamples: number;
}

export interface WordAudit {
  readonly heard: number;
  readonly missing: readonly ProbeWord[];
  /** Heard again after the first time. */
  readonly repeated: readonly HeardWord[];
  /** Not of this script at all: a wrong word. */
  readonly foreign: readonly HeardWord[];
  readonly splices: readonly Splice[];
  /** Audio cut out before a heard word or, when the heard length is given, at the end. */
  readonly samplesLost: number;
  /** Audio that came again, or that was put in. */
  readonly samplesAdded: number;
}

export interface AuditOptions {
  /** Length of the heard audio; without it a cut after the last word cannot be seen. */
  readonly heardSamples?: number;
  /** Jumps up to this are rounding: 0 for the same sample rate, 2 after resampling. */
  readonly toleranceSamples?: number;
}

/** Compares what was heard, in the order it was heard, with what was said. */
export function auditWords(
  script: ProbeScript,
  heard: readonly HeardWord[],
  options: AuditOptions = {},
): WordAudit {
  const tolerance = options.toleranceSamples ?? 0;
  const said = new Map(script.words.map((word) => [word.index, word]));
  const found = new Set<number>();
  const repeated: HeardWord[] = [];
  const foreign: HeardWord[] = [];
  const splices: Splice[] = [];
  let samplesLost = 0;
  let samplesAdded = 0;
  let offset = 0;
  const jump = (lostSamples: number): void => {
    if (lostSamples > 0) samplesLost += lostSamples;
    else samplesAdded -= lostSamples;
  };
  for (const word of heard) {
    const truth = said.get(word.index);
    if (truth === undefined) {
      foreign.push(word);
      continue;
    }
    if (found.has(word.index)) repeated.push(word);
    found.add(word.index);
    const lostSamples = offset - (word.start - truth.start);
    if (Math.abs(lostSamples) <= tolerance) continue;
    splices.push({ before: truth, lostSamples });
    jump(lostSamples);
    offset -= lostSamples;
  }
  if (options.heardSamples !== undefined) {
    const tail = script.totalSamples + offset - options.heardSamples;
    if (Math.abs(tail) > tolerance) jump(tail);
  }
  return {
    heard: heard.length,
    missing: script.words.filter((word) => !found.has(word.index)),
    repeated,
    foreign,
    splices,
    samplesLost,
    samplesAdded,
  };
}
