import type { Accepted, SaidText, SessionBreak } from './driver.ts';
import type { ProbeSpeech } from './probe.ts';
import type { Scenario } from './scenario.ts';

/** One session of a run: what will be said, fixed by the run's seed before anything starts. */
export interface SessionSpec {
  /** Of the case, for `--case`. */
  readonly id: string;
  readonly scenario: string;
  readonly speech: ProbeSpeech;
  /** Times real time at which audio leaves; only at 1 latencies count. */
  readonly pace: number;
  readonly frameMs: number;
  readonly client: Scenario['client'];
  readonly stop: Scenario['stop'];
  /** Where in its audio the client loses its connection once; null: it does not. */
  readonly dropAtShare: number | null;
}

/** A text and when it came, ms from the session's origin. */
export interface SeenText extends SaidText {
  readonly atMs: number;
}

/**
 * Everything one session showed from outside. All times are ms from the session's origin, the moment at which sample 0
 * was captured; sample s was captured at s / rate after it, faster by the pace of the session.
 */
export interface Observation {
  readonly spec: SessionSpec;
  /** Null: the target never took the session. */
  readonly accepted: Accepted | null;
  /** Samples that were handed to the connection. */
  readonly sentSamples: number;
  /** How late each frame left against the schedule, once there was a connection. */
  readonly lateMs: readonly number[];
  readonly texts: readonly SeenText[];
  /** When the stop was said; null: the session ended before. */
  readonly stoppedAtMs: number | null;
  /** When the target said it was done. */
  readonly doneAtMs: number | null;
  readonly endedAtMs: number;
  readonly problem: SessionBreak | null;
}
