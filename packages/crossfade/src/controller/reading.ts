import {
  type EvidenceSetup,
  RolloutEvidence,
  type RolloutEvidenceJson,
} from '../analysis/sequential/rollout-evidence.ts';
import type { SessionRecord, SessionSignal } from '../transcript/session-record.ts';

const hourMs = 3_600_000;

/** Seconds that are remembered before old ones are looked for: an hour of them, twice. */
const endSecondsMax = 7_200;

/** Ends of an epoch before a gap between them is expected of anything. */
const endsForGapMin = 10;

/** Sessions of the epoch that runs which ended, and since when they are counted. */
interface Ends {
  readonly epoch: number;
  readonly sinceMs: number;
  readonly control: number;
}

/** A reading as it is saved: what was summed, and where in the records it stopped. */
interface ReadingJson {
  readonly schema: 'crossfade.reading/1';
  readonly budget: number;
  readonly recordsAfter: number;
  readonly signalsAfter: number;
  readonly newestEndMs: number | null;
  readonly endsBySecond: readonly (readonly [second: number, ended: number])[];
  readonly ends: Ends | null;
  readonly evidence: RolloutEvidenceJson;
}

/** What has been read of one rollout: its evidence, and what the bake clock asks beside it. */
export class Reading {
  /** Number of the error budget that it belongs to. */
  readonly budget: number;
  readonly evidence: RolloutEvidence;
  recordsAfter = 0;
  signalsAfter = 0;
  /** Blocks of processes that began before this were asked for. */
  processesUntilMs = 0;
  /** Every stored report was read; false while a backlog is worked off. */
  isComplete = false;
  /** When a gateway was heard last before this look found none, wall time; null: one is heard, or none ever was. */
  unheardSinceMs: number | null = null;
  #newestEndMs: number | null = null;
  /** Candidate sessions that ended, by second of wall time, of the last hour. */
  #endsBySecond = new Map<number, number>();
  #ends: Ends | null = null;

  constructor(budget: number, evidence: RolloutEvidence) {
    this.budget = budget;
    this.evidence = evidence;
  }

  /** When the newest session of either arm ended (gateway's wall time); null: none did. */
  get newestEndMs(): number | null {
    return this.#newestEndMs;
  }

  add(record: SessionRecord, receivedAtMs: number): void {
    this.evidence.recorded(record, receivedAtMs);
    const { arm, rollout } = record.assignment;
    const { endedAtMs } = record;
    const epoch = rollout?.epoch ?? 0;
    if (arm === 'candidate') {
      const second = Math.floor(endedAtMs / 1_000);
      this.#endsBySecond.set(second, (this.#endsBySecond.get(second) ?? 0) + 1);
      if (this.#endsBySecond.size > endSecondsMax) this.#forgetEnds(receivedAtMs);
    }
    if (this.#ends === null || epoch > this.#ends.epoch)
      this.#ends = { epoch, sinceMs: endedAtMs, control: 0 };
    if (epoch === this.#ends.epoch && arm === 'control')
      this.#ends = { ...this.#ends, control: this.#ends.control + 1 };
    this.#newestEndMs = Math.max(this.#newestEndMs ?? 0, endedAtMs);
  }

  /** Ends older than an hour, also while nobody asks for a rate: a paused rollout is read for weeks. */
  #forgetEnds(nowMs: number): void {
    const oldest = Math.floor((nowMs - hourMs) / 1_000);
    for (const second of this.#endsBySecond.keys()) {
      if (second < oldest) this.#endsBySecond.delete(second);
    }
  }

  addSignal({ kind, failed = false, rollout, ...signal }: SessionSignal, receivedAtMs: number): void {
    const { sessionId, arm, userHash, reason, rule, startedAtMs } = signal;
    const session = {
      ...{ sessionId, arm, userHash, reason, startedAtMs, epoch: rollout.epoch },
      ...(rule === undefined ? {} : { rule }),
    };
    if (kind === 'started') this.evidence.started(session, receivedAtMs);
    else this.evidence.reportedEarly(session, failed, receivedAtMs);
  }

  /**
   * Candidate sessions an hour, over the last hour or since the bake began. Null when that is shorter than
   * `shortestMs`: a rate of a moment says nothing.
   */
  sessionsPerHour(sinceMs: number, nowMs: number, shortestMs: number): number | null {
    const windowMs = Math.min(hourMs, nowMs - sinceMs);
    if (windowMs < shortestMs || windowMs <= 0) return null;
    const from = Math.floor((nowMs - windowMs) / 1_000);
    let count = 0;
    for (const [second, ended] of this.#endsBySecond) {
      if (second >= from) count += ended;
    }
    this.#forgetEnds(nowMs);
    return (count * hourMs) / windowMs;
  }

  /** Expected time between two ends of candidate sessions by the ends of control, ms; null: too few to say. */
  expectedGapMs(epoch: number, share: number | null, nowMs: number): number | null {
    if (share === null || this.#ends?.epoch !== epoch || this.#ends.control < endsForGapMin) return null;
    const controlGapMs = (nowMs - this.#ends.sinceMs) / this.#ends.control;
    return (controlGapMs * (1 - share)) / share;
  }

  toJSON(): ReadingJson {
    return {
      schema: 'crossfade.reading/1',
      budget: this.budget,
      recordsAfter: this.recordsAfter,
      signalsAfter: this.signalsAfter,
      newestEndMs: this.#newestEndMs,
      endsBySecond: [...this.#endsBySecond],
      ends: this.#ends,
      evidence: this.evidence.toJSON(),
    };
  }

  /** Goes on where `text` was saved; null when it is no such text, or that of another budget or setup. */
  static restore(text: string, budget: number, setup: EvidenceSetup): Reading | null {
    const json = parsed(text);
    if (json === null || json.budget !== budget) return null;
    const evidence = RolloutEvidence.restore(setup, json.evidence);
    if (evidence === null) return null;
    const reading = new Reading(budget, evidence);
    reading.recordsAfter = json.recordsAfter;
    reading.signalsAfter = json.signalsAfter;
    reading.#newestEndMs = json.newestEndMs;
    reading.#endsBySecond = new Map(json.endsBySecond);
    reading.#ends = json.ends;
    return reading;
  }
}

/** Snapshots are written by us; one that is not ours, or of another version, is read again from the records. */
function parsed(text: string): ReadingJson | null {
  try {
    const json = JSON.parse(text) as ReadingJson;
    return json.schema === 'crossfade.reading/1' && json.evidence.schema === 'crossfade.evidence/1'
      ? json
      : null;
  } catch {
    return null;
  }
}
