import type { Clock } from '@crossfade/sdk/core/clock';
import type { CaseStore } from './case-store.ts';
import type { Drivers } from './driver.ts';
import type { Probe } from './probe.ts';
import type { Profile } from './profile.ts';
import type { Render } from './rendered-sample.ts';
import type { Requirement } from './requirement.ts';
import type { Scenario } from './scenario.ts';
import type { Target } from './target.ts';

export interface AcceptanceOptions {
  readonly target: Target;
  readonly drivers: Drivers;
  readonly probe: Probe;
  /** All that the profile may name. */
  readonly scenarios: readonly Scenario[];
  readonly profile: Profile;
  readonly seed: number;
  readonly requirement: Requirement;
  /** The build under test, for targets that do not say theirs. One that says another is not tested. */
  readonly build?: string;
  /** Shows a sample of sessions in a browser; absent: entries are counted by the view alone. */
  readonly render?: Render;
  /** Version of the suite, for the report. */
  readonly suite: string;
  readonly clock: Clock;
  /** Runs this case alone: a session or a fault trial of the plan. */
  readonly caseId?: string;
  /** How a case is run again, for the report. */
  readonly replayOf?: (caseId: string) => string;
  /** Where completed cases are kept, so that a run that was stopped can go on. */
  readonly store?: CaseStore;
  /** Aborted: the run stops and answers what it has, marked partial. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly phase: 'first contact' | 'control run' | 'sessions' | 'faults';
  readonly done: number;
  readonly of: number;
}
