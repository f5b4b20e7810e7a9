import { samplesToMs } from '@crossfade/sdk/core/units';
import type { ProbeScript } from '../signal/probe-script.ts';
import { wordCount } from '../signal/tone-code.ts';
import { wordIndex } from '../signal/word-text.ts';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import { MetricCounter } from '../transcript/metric-counter.ts';
import type { MetricCounts } from '../transcript/session-record.ts';
import type { Observation, SeenText } from './observation.ts';
import { provenCapture, type ProvenCapture } from './proven-capture.ts';
import { emptyView, settle, show, stalePartialMs } from './transcript-view.ts';

/** What one session brings to the metrics. */
export interface SessionScore {
  /** Capture and tail as the words prove them. */
  readonly counts: MetricCounts;
  /** The same by the ranges of the finals alone: the target's own word. */
  readonly declared: MetricCounts;
  readonly capture: ProvenCapture;
}

/**
 * Counts one session with the metric module, from outside: what was captured is proven by the words that came back,
 * words are due when the generator says that they ended, duplicates are counted on the view. A session that broke offered
 * all it had to say: the person goes on talking.
 */
export function scoreSession(observation: Observation): SessionScore {
  const { spec, texts, stoppedAtMs, doneAtMs, endedAtMs } = observation;
  const { script } = spec;
  const offered = observation.problem === null ? observation.sentSamples : script.totalSamples;
  const dueMs = (sample: number): number => samplesToMs(sample, script.sampleRate);
  const counter = new MetricCounter();
  let view = emptyView;
  let hasStopped = false;
  for (const text of texts) {
    if (!hasStopped && stoppedAtMs !== null && text.atMs >= stoppedAtMs) {
      hasStopped = true;
      counter.stop(stoppedAtMs);
    }
    view = show(view, text, text.atMs);
    const hypothesis = withTrueTimes(text, script);
    if (text.isFinal) counter.final(hypothesis, text.atMs, dueMs);
    else counter.partial(hypothesis, text.atMs, dueMs);
  }
  view = settle(view, endedAtMs + stalePartialMs);
  const finals = texts.filter(({ isFinal }) => isFinal);
  const capture = provenCapture(script, finals, offered);
  const declared: MetricCounts = {
    ...counter.counts({
      samplesOffered: offered,
      sampleRate: script.sampleRate,
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
      dueMs(unheardTail(capture, counter.lastFinalEnd, offered)),
    ),
    samplesCovered: offered - capture.lostSamples,
  };
  return { counts, declared, capture };
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

/** The same text with the generator's word times, where its words are ours. */
function withTrueTimes(text: SeenText, script: ProbeScript): Hypothesis {
  const first = script.words[0];
  const words = text.words.map((word) => {
    const index = wordIndex(word.text.toLowerCase());
    // Counters run on through a script, modulo their number; the place in the script is a subtraction.
    const place = index === null || first === undefined ? -1 : (index - first.index + wordCount) % wordCount;
    const truth = script.words[place];
    return { text: word.text, start: truth?.start ?? word.start, end: truth?.end ?? word.end, confidence: 1 };
  });
  return { start: text.start, end: text.end, text: text.text, words };
}
