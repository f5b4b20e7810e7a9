/**
 * Two guards beside the statistics, deterministic and outside their error budget: a candidate that is plainly dead, and
 * one whose reports stopped. Pure folds over what arrives; the state is plain data.
 */
import type { Arm } from '../../transcript/session-record.ts';

/** One in a hundred sessions dies by itself: four in a row happen once in a hundred million. */
export const deadRunLength = 4;

/**
 * So many control sessions must all have lived beside the dead run. Fewer would let an incident of both arms, in which a
 * sixth of the sessions die, look like a dead candidate by chance.
 */
export const aliveControlRun = 20;

/** Silence must be this unlikely, by the sessions that control reported meanwhile. */
const lnSilenceChance = Math.log(1e-8);

/** And last this many expected gaps between the candidate's ends. */
const silentGaps = 5;

/** What the guards remember of one epoch. */
export interface GuardState {
  /** Dead candidate sessions in a row, and when the first of them ended. */
  readonly deadRun: number;
  readonly deadSinceMs: number;
  /** Control sessions in a row that lived, and when the last one ended. */
  readonly aliveRun: number;
  readonly controlEndMs: number | null;
  /** When the candidate's last session ended (or the epoch's first session of either arm did). */
  readonly candidateEndMs: number | null;
  /** Control sessions that ended since then. */
  readonly controlSinceCandidate: number;
}

/** Before the first session of an epoch. */
export const guardsAtRest: GuardState = {
  deadRun: 0,
  deadSinceMs: 0,
  aliveRun: 0,
  controlEndMs: null,
  candidateEndMs: null,
  controlSinceCandidate: 0,
};

/** A session that ended, as the guards see it. */
export interface EndedSession {
  readonly arm: Arm;
  /** It brought nothing: it did not start, or not one segment of it was stored. */
  readonly dead: boolean;
  readonly endedAtMs: number;
  /** False: no coin assigned it. It lived or died all the same, but silence is reckoned by the coin. Default: true. */
  readonly byCoin?: boolean;
}

/** What the guards know after one more session. Spelled out: it runs once per session, and copying by spread costs it. */
export function afterSession(
  state: GuardState,
  { arm, dead, endedAtMs, byCoin = true }: EndedSession,
): GuardState {
  const isControl = arm === 'control';
  const { deadRun, deadSinceMs, aliveRun, controlEndMs, candidateEndMs } = state;
  const candidateDeadRun = dead ? deadRun + 1 : 0;
  const spoken = byCoin
    ? {
        candidateEndMs: isControl ? (candidateEndMs ?? endedAtMs) : latest(candidateEndMs, endedAtMs),
        controlSinceCandidate: isControl ? state.controlSinceCandidate + 1 : 0,
      }
    : { candidateEndMs, controlSinceCandidate: state.controlSinceCandidate };
  return {
    deadRun: isControl ? deadRun : candidateDeadRun,
    deadSinceMs: isControl || candidateDeadRun > 1 ? deadSinceMs : endedAtMs,
    aliveRun: isControl ? (dead ? 0 : aliveRun + 1) : aliveRun,
    controlEndMs: isControl ? latest(controlEndMs, endedAtMs) : controlEndMs,
    candidateEndMs: spoken.candidateEndMs,
    controlSinceCandidate: spoken.controlSinceCandidate,
  };
}

function latest(knownMs: number | null, ms: number): number {
  return knownMs === null || ms > knownMs ? ms : knownMs;
}

export type GuardFinding = {
  readonly guard: 'dead-candidate' | 'silent-candidate';
  /** One plain sentence with both numbers. */
  readonly sentence: string;
};

export interface SilenceOptions {
  readonly nowMs: number;
  /** The candidate's share, in (0, 1). */
  readonly share: number;
  /** Expected time between two ends of candidate sessions, ms. */
  readonly expectedGapMs: number;
}

/** A candidate that is dead while control lives; null when it is not. */
export function deadCandidate(state: GuardState): GuardFinding | null {
  const { deadRun, deadSinceMs, aliveRun, controlEndMs } = state;
  const isControlAlive = aliveRun >= aliveControlRun && controlEndMs !== null && controlEndMs >= deadSinceMs;
  if (deadRun < deadRunLength || !isControlAlive) return null;
  return {
    guard: 'dead-candidate',
    sentence: `The last ${deadRun} candidate sessions were dead, acted at ${deadRunLength}; the last ${aliveRun} of control lived.`,
  };
}

/**
 * A candidate that no longer reports while control does; null when it does, or when it may be chance. Five expected gaps
 * alone pass many times a day at steady traffic, so the sessions that control reported meanwhile must make it certain.
 */
export function silentCandidate(
  state: GuardState,
  { nowMs, share, expectedGapMs }: SilenceOptions,
): GuardFinding | null {
  const { candidateEndMs, controlEndMs, controlSinceCandidate } = state;
  if (candidateEndMs === null || controlEndMs === null || controlEndMs < candidateEndMs) return null;
  const needed = Math.ceil(lnSilenceChance / Math.log1p(-share));
  const silentMs = nowMs - candidateEndMs;
  if (controlSinceCandidate < needed || silentMs < silentGaps * expectedGapMs) return null;
  const seconds = Math.round(silentMs / 1_000);
  return {
    guard: 'silent-candidate',
    sentence: `No candidate session ended for ${seconds} s while ${controlSinceCandidate} of control did, acted at ${needed}.`,
  };
}
