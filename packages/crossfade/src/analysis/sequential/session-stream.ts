import { candidateArm, controlArm } from './cell-layout.ts';
import { type EpochInfo, EpochSums, type EpochSumsJson, type MetricSetup } from './epoch-sums.ts';
import { ObservedTime } from './observed-time.ts';
import { restartMinutes } from './roll-evidence.ts';
import { missingOutcomes } from './session-outcomes.ts';
import { userKeyOf } from './user-filter.ts';

/** A minute of the evidence, unless its clock is compressed. */
export const minuteMsDefault = 60_000;

/** Clocks of two machines differ by seconds; a start this far in the future would wait for days to mature. */
const aheadMaxMs = 600_000;

/** Sessions that may wait for their maturity at once: 100 a second for half an hour. */
export const pendingMax = 180_000;

/** A session as it was assigned. */
export interface AssignedSession {
  readonly sessionId: string;
  readonly arm: 'control' | 'candidate';
  readonly epoch: number;
  /** 16 hex digits, empty when it has no user. */
  readonly userHash: string;
  readonly startedAtMs: number;
  /** Why the evaluator decided so; `SPLIT`: by a share. */
  readonly reason: string;
  /** The rule that decided; absent: none is known. */
  readonly rule?: string;
}

/** What became of a report. Only `taken` changes any number. */
export type Taken =
  | 'taken'
  /** The session reported before. */
  | 'repeated'
  /** Its minute has matured: it was counted as it was known then, as missing if it was announced. */
  | 'late'
  /** Its epoch was never opened. */
  | 'unknown-epoch'
  /** An audience, an override or an expired lease put it on its side, where a coin should have: no comparison. */
  | 'not-random'
  /** It claims to have begun long after it was reported: the clock that says so is wrong. */
  | 'ahead'
  /** Too many sessions wait. */
  | 'full';

interface Pending {
  readonly session: AssignedSession;
  /** Null until it reports. */
  outcomes: Float64Array | null;
}

export interface SessionStreamJson {
  readonly matured: number;
  readonly epochs: readonly EpochSumsJson[];
  readonly pending: readonly (readonly [session: AssignedSession, outcomes: readonly number[] | null])[];
  readonly refused: Readonly<Record<Exclude<Taken, 'taken'>, number>>;
}

/**
 * Sessions on their way into the sums. A minute matures as a whole, a fixed observed time after it ended: what was
 * reported by then counts, what was announced and not reported is a failure, and what comes later changes nothing. Within a minute
 * sessions enter in the order in which they were assigned, so the sums depend on neither the order nor the number of
 * reports. Ids are kept only until then: a record whose minute has matured is late whether it was seen or not.
 */
export class SessionStream {
  readonly setups: readonly MetricSetup[];
  readonly #originMs: number;
  readonly #maturityMs: number;
  readonly #minuteMs: number;
  readonly #observed: ObservedTime;
  readonly #missing: Float64Array;
  readonly #waiting = new Map<number, [control: number, candidate: number]>();
  #epochs = new Map<number, EpochSums>();
  readonly #pending = new Map<number, Map<string, Pending>>();
  #pendingCount = 0;
  /** Minutes before this one have matured. */
  #matured = 0;
  #refused = { repeated: 0, late: 0, 'unknown-epoch': 0, 'not-random': 0, ahead: 0, full: 0 };

  /**
   * `originMs`: when the rollout began. `maturityMs`: about p99 of session length plus the lag of reports, in the time
   * that was `observed`.
   */
  constructor(
    setups: readonly MetricSetup[],
    originMs: number,
    maturityMs: number,
    minuteMs = minuteMsDefault,
    observed = new ObservedTime(),
  ) {
    this.setups = setups;
    this.#originMs = originMs;
    this.#maturityMs = maturityMs;
    this.#minuteMs = minuteMs;
    this.#observed = observed;
    this.#missing = missingOutcomes(setups);
  }

  /** Sums by epoch, in the order in which the epochs were opened. */
  get epochs(): readonly EpochSums[] {
    return [...this.#epochs.values()];
  }

  /** The last minute that has matured, −1 before the first. */
  get maturedMinute(): number {
    return this.#matured - 1;
  }

  /** Sessions that wait. */
  get pending(): number {
    return this.#pendingCount;
  }

  /** Reports that changed nothing, by reason. */
  get refused(): Readonly<Record<Exclude<Taken, 'taken'>, number>> {
    return this.#refused;
  }

  /** Makes an epoch known. Again: nothing happens. */
  openEpoch(info: EpochInfo): void {
    if (!this.#epochs.has(info.epoch)) {
      this.#epochs.set(info.epoch, new EpochSums(this.setups, info, restartMinutes));
    }
  }

  /** Sessions of an epoch that wait for their maturity, by arm. */
  waiting(epoch: number): { readonly candidate: number; readonly control: number } {
    const [control, candidate] = this.#waiting.get(epoch) ?? [0, 0];
    return { candidate, control };
  }

  /**
   * A session was assigned; from now on its silence is a failure. `receivedAtMs`: when the judge's side got the report,
   * which decides whether it is late, however long it was not looked at: a restart counts what was counted before.
   */
  announce(session: AssignedSession, receivedAtMs?: number): Taken {
    return this.#take(session, null, receivedAtMs);
  }

  /** A session reported its outcomes. */
  report(session: AssignedSession, outcomes: Float64Array, receivedAtMs?: number): Taken {
    return this.#take(session, outcomes, receivedAtMs);
  }

  #take(session: AssignedSession, outcomes: Float64Array | null, receivedAtMs?: number): Taken {
    const taken = this.#admit(session, outcomes, receivedAtMs);
    if (taken !== 'taken') this.#refused[taken] += 1;
    return taken;
  }

  /** The first minute that has not matured at a time. */
  #maturedAt(atMs: number): number {
    const endedMs = this.#observed.before(atMs, this.#maturityMs);
    return Math.floor((endedMs - this.#originMs) / this.#minuteMs);
  }

  #admit(session: AssignedSession, outcomes: Float64Array | null, receivedAtMs?: number): Taken {
    const { startedAtMs } = session;
    const minute = Math.max(0, Math.floor((startedAtMs - this.#originMs) / this.#minuteMs));
    if (minute < this.#matured) return 'late';
    if (receivedAtMs !== undefined && minute < this.#maturedAt(receivedAtMs)) return 'late';
    const epoch = this.#epochs.get(session.epoch);
    if (epoch === undefined) return 'unknown-epoch';
    if (!isByCoin(session, epoch.info)) return 'not-random';
    if (receivedAtMs !== undefined && startedAtMs > receivedAtMs + aheadMaxMs) return 'ahead';
    let sessions = this.#pending.get(minute);
    if (sessions === undefined) this.#pending.set(minute, (sessions = new Map<string, Pending>()));
    const known = sessions.get(session.sessionId);
    if (known !== undefined) {
      if (outcomes === null || known.outcomes !== null) return 'repeated';
      known.outcomes = outcomes;
      return 'taken';
    }
    if (this.#pendingCount >= pendingMax) return 'full';
    sessions.set(session.sessionId, { session, outcomes });
    this.#pendingCount += 1;
    this.#wait(session, 1);
    return 'taken';
  }

  #wait({ epoch, arm }: AssignedSession, change: 1 | -1): void {
    const counts = this.#waiting.get(epoch) ?? [0, 0];
    counts[arm === 'control' ? 0 : 1] += change;
    this.#waiting.set(epoch, counts);
  }

  /** Brings everything that has matured by now into the sums. Time never goes back: an earlier one changes nothing. */
  advance(nowMs: number): void {
    const until = this.#maturedAt(nowMs);
    const due = [...this.#pending.keys()].filter((minute) => minute < until).sort((a, b) => a - b);
    for (const minute of due) {
      const sessions = this.#pending.get(minute)!;
      this.#pending.delete(minute);
      this.#pendingCount -= sessions.size;
      for (const pending of [...sessions.values()].sort(byAssignment)) this.#mature(minute, pending);
    }
    this.#matured = Math.max(this.#matured, until);
  }

  #mature(minute: number, { session, outcomes }: Pending): void {
    const sums = this.#epochs.get(session.epoch)!;
    this.#wait(session, -1);
    sums.open(minute);
    sums.add({
      arm: session.arm === 'candidate' ? candidateArm : controlArm,
      user: userKeyOf(session.userHash),
      outcomes: outcomes ?? this.#missing,
      reported: outcomes !== null,
    });
  }

  toJSON(): SessionStreamJson {
    return {
      matured: this.#matured,
      epochs: this.epochs.map((epoch) => epoch.toJSON()),
      pending: [...this.#pending.values()].flatMap((sessions) =>
        [...sessions.values()].map(
          ({ session, outcomes }) => [session, outcomes === null ? null : [...outcomes]] as const,
        ),
      ),
      refused: this.#refused,
    };
  }

  /** Goes on where `toJSON` was taken; the setups, origin and maturity must be the same. */
  restore(json: SessionStreamJson): void {
    this.#matured = json.matured;
    this.#epochs = new Map(
      json.epochs.map((epoch) => [epoch.info.epoch, EpochSums.fromJSON(this.setups, restartMinutes, epoch)]),
    );
    this.#pending.clear();
    this.#waiting.clear();
    this.#pendingCount = 0;
    for (const [session, outcomes] of json.pending) {
      this.#admit(session, outcomes === null ? null : Float64Array.from(outcomes));
    }
    this.#refused = { ...json.refused };
  }
}

/** Whether a coin put the session on its side, where the epoch has one: the share's rule, and no other. */
function isByCoin({ reason, rule }: AssignedSession, { share, coin }: EpochInfo): boolean {
  if (share === null) return true;
  return reason === 'SPLIT' && (coin === undefined || rule === undefined || rule.startsWith(coin));
}

function byAssignment({ session: a }: Pending, { session: b }: Pending): number {
  return a.startedAtMs - b.startedAtMs || (a.sessionId < b.sessionId ? -1 : 1);
}
