import type { ProbeScript } from '../signal/probe-script.ts';
import type { Accepted, SaidText, SessionBreak } from './driver.ts';

/** One session of a run: what will be said, fixed by the run's seed before anything starts. */
export interface SessionSpec {
  /** Of the case, for `--case`. */
  readonly id: string;
  readonly scenario: string;
  readonly script: ProbeScript;
}

/** A text and when it came, ms from the session's origin. */
export interface SeenText extends SaidText {
  readonly atMs: number;
}

/**
 * Everything one session showed from outside. All times are ms from the session's origin, the moment at which sample 0
 * was captured; sample s was captured at s / rate after it.
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
