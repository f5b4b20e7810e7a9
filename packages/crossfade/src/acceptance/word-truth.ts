import type { EvidenceResult } from '../analysis/verdict.ts';
import type { AcceptanceMetricId } from './metric-ids.ts';
import type { Probe } from './probe.ts';

type Kind = Probe['kind'];

/** Where the two metrics that are read from words take their truth, by probe. */
const observers: Readonly<Record<Kind, string>> = {
  tone: 'black box: probe words in the finals',
  speech: 'black box: words of known sentences in the finals, against a control run',
  recordings: "the target's own word: the ranges of its finals",
};

/** Why words of this probe can prove nothing more than they do. */
const limits: Readonly<Record<Exclude<Kind, 'tone'>, string>> = {
  speech: 'text shows whole words alone, so a cut within a word is not seen and nothing is certified',
  recordings: 'the text of a recording has no times, so nothing is proven',
};

/** Captured audio and tails are read from words; the probe says how far words go. */
export function isOfWords(id: AcceptanceMetricId): boolean {
  return id === 'capture-completeness' || id === 'missed-tail';
}

export function wordObserver(kind: Kind): string {
  return observers[kind];
}

/** Why there is nothing to measure when no word came back that could prove anything. */
export function unprovenText(kind: Kind): string {
  return kind === 'recordings' ? limits.recordings : 'no probe word came back, so nothing is proven';
}

/** What words of speech show, said as what it is: never more than a value. */
export function asWordsShow<
  T extends { readonly id: AcceptanceMetricId; readonly result: EvidenceResult; readonly sentence: string },
>(metric: T, { kind, control }: Pick<Probe, 'kind' | 'control'>): T {
  if (kind === 'tone' || !isOfWords(metric.id)) return metric;
  const learned =
    control === undefined
      ? ''
      : `; ${control.unheard} of ${control.words} words of the control run were not heard and are not counted`;
  const result = metric.result === 'certified' ? 'within-limits' : metric.result;
  const end = metric.sentence.endsWith('.') ? '' : '.';
  return { ...metric, result, sentence: `${metric.sentence}${end} By text: ${limits[kind]}${learned}.` };
}
