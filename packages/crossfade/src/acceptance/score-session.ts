import { samplesToMs } from '@crossfade/sdk/core/units';
import type { WordErrors } from '../analysis/word-errors.ts';
import { MetricCounter } from '../transcript/metric-counter.ts';
import type { MetricCounts } from '../transcript/session-record.ts';
import { errorsOf } from './heard-words.ts';
import type { Observation } from './observation.ts';
import type { ProvenCapture } from './proven-capture.ts';
import { emptyView, settle, show, stalePartialMs } from './transcript-view.ts';

/** What one session brings to the metrics. */
export interface SessionScore {
  /** Capture and tail as the words prove them. */
  readonly counts: MetricCounts;
  /** The same by the ranges of the finals alone: the target's own word. */
  readonly declared: MetricCounts;
  readonly capture: ProvenCapture;
  /** Against the text of what was said; null: no language. */
  readonly wordErrors: WordErrors | null;
}

/**
 * Counts one session with the metric module, from outside: what was captured is proven by the words that came back,
 * words are due when the generator says that they ended, duplicates are counted on the view. A session that broke offered
 * all it had to say: the person goes on talking.
 */
export function scoreSession(observation: Observation): SessionScore {
  const { spec, texts, stoppedAtMs, doneAtMs, endedAtMs } = observation;
  const { speech } = spec;
  const offered = observation.problem === null ? observation.sentSamples : speech.totalSamples;
  const lengthMs = (samples: number): number => samplesToMs(samples, speech.sampleRate);
  const dueMs = (sample: number): number => lengthMs(sample) / spec.pace;
  const counter = new MetricCounter();
  let view = emptyView;
  let hasStopped = false;
  for (const text of texts) {
    if (!hasStopped && stoppedAtMs !== null && text.atMs >= stoppedAtMs) {
      hasStopped = true;
      counter.stop(stoppedAtMs);
    }
    view = show(view, text, text.atMs);
    const hypothesis = speech.withTrueTimes(text);
    if (text.isFinal) counter.final(hypothesis, text.atMs, dueMs);
    else counter.partial(hypothesis, text.atMs, dueMs);
  }
  view = settle(view, endedAtMs + stalePartialMs);
  const finals = texts.filter(({ isFinal }) => isFinal);
  const capture = speech.capture(finals, offered);
  const declared: MetricCounts = {
    ...counter.counts({
      samplesOffered: offered,
      sampleRate: speech.sampleRate,
      saidDone: doneAtMs !== null,
      orphanOpen: true,
    }),
    entries: view.shown,
    duplicateEntries: view.duplicates,
  };
  const counts: MetricCounts = {
    ...declared,
    missedTailMs: worseTail(
      declared.missedTailMs,
      lengthMs(unheardTail(capture, counter.lastFinalEnd, offered)),
    ),
    samplesCovered: offered - capture.lostSamples,
  };
  const wordErrors = speech.reference === null ? null : errorsOf(speech.reference, finals);
  return { counts, declared, capture, wordErrors };
}

/**
 * Samples at the end that finals claim and no word backs: from the first of the last words that is missing although a
 * final covers it. A word that the finals do not claim is in the declared tail already, to the sample.
 */
function unheardTail(
  { missingWords, provenEnd }: ProvenCapture,
  lastFinalEnd: number,
  offered: number,
): number {
  const first = missingWords.find(({ start, end }) => start >= provenEnd && end <= lastFinalEnd);
  return first === undefined ? 0 : offered - first.start;
}

function worseTail(declaredMs: number | null, provenMs: number): number | null {
  return declaredMs === null ? null : Math.max(declaredMs, provenMs);
}
