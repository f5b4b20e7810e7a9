import { CrossedUsers } from '../analysis/crossed-users.ts';
import { MetricAggregate } from '../analysis/metrics.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';

/** Records read at once, and pages of them in one look: a backlog must not keep rollbacks waiting. */
const pageSize = 1_000;
const pagesMax = 20;

const hourMs = 3_600_000;

/** What is known of one rollout's current epoch. */
export interface EpochEvidence {
  readonly epoch: number;
  readonly candidate: MetricAggregate;
  readonly control: MetricAggregate;
  /** Users whom the share put on both sides. */
  readonly crossed: CrossedUsers;
  /** When the newest session of either arm ended (gateway's wall time); null: none did. */
  readonly newestEndMs: number | null;
  /** Candidate sessions that ended, by second of wall time, of the last hour. */
  readonly endsBySecond: Map<number, number>;
  /** Every stored record was read; false while a backlog is worked off. */
  readonly isComplete: boolean;
}

interface Reading {
  cursor: number;
  evidence: EpochEvidence;
}

/**
 * Session records of the rollouts that run, summed by epoch and arm. Kept in memory and read again from the
 * store after a restart: records are the truth. Evidence of an earlier epoch is never pooled with the current.
 */
export class EvidenceReader {
  readonly #sessions: Pick<SessionStore, 'records'>;
  readonly #readings = new Map<string, Reading>();

  constructor(sessions: Pick<SessionStore, 'records'>) {
    this.#sessions = sessions;
  }

  /** Reads what is new. Rejects when the store does; the next call goes on where this one stopped. */
  async read({ name, epoch }: Pick<RolloutState, 'name' | 'epoch'>): Promise<EpochEvidence> {
    const reading = this.#readings.get(name) ?? { cursor: 0, evidence: emptyEvidence(epoch) };
    this.#readings.set(name, reading);
    if (reading.evidence.epoch !== epoch) reading.evidence = emptyEvidence(epoch);
    let isComplete = false;
    for (let pages = 0; pages < pagesMax && !isComplete; pages++) {
      const page = await this.#sessions.records({ after: reading.cursor, rollout: name, limit: pageSize });
      isComplete = page.length < pageSize;
      for (const { sequence, record } of page) {
        const recordEpoch = record.assignment.rollout?.epoch ?? -1;
        // The rollout moved on since the caller looked: the next look reads from here.
        if (recordEpoch > epoch) return reading.evidence;
        reading.cursor = sequence;
        if (recordEpoch === epoch) reading.evidence = withRecord(reading.evidence, record);
      }
    }
    reading.evidence = { ...reading.evidence, isComplete };
    return reading.evidence;
  }

  /** A rollout that is over needs no sums. */
  forget(name: string): void {
    this.#readings.delete(name);
  }

  /** Names that are being summed. */
  names(): readonly string[] {
    return [...this.#readings.keys()];
  }
}

/**
 * Candidate sessions an hour, over the last hour or since the bake began. Null when that is shorter than
 * `shortestMs`: a rate of a moment says nothing.
 */
export function sessionsPerHour(
  evidence: EpochEvidence,
  sinceMs: number,
  nowMs: number,
  shortestMs: number,
): number | null {
  const windowMs = Math.min(hourMs, nowMs - sinceMs);
  if (windowMs < shortestMs || windowMs <= 0) return null;
  const from = Math.floor((nowMs - windowMs) / 1_000);
  let count = 0;
  for (const [second, ended] of evidence.endsBySecond) {
    if (second >= from) count += ended;
    else if (second < Math.floor((nowMs - hourMs) / 1_000)) evidence.endsBySecond.delete(second);
  }
  return (count * hourMs) / windowMs;
}

function withRecord(evidence: EpochEvidence, record: SessionRecord): EpochEvidence {
  const { arm } = record.assignment;
  evidence[arm].add(record);
  evidence.crossed.add(record);
  if (arm === 'candidate') {
    const second = Math.floor(record.endedAtMs / 1_000);
    evidence.endsBySecond.set(second, (evidence.endsBySecond.get(second) ?? 0) + 1);
  }
  return { ...evidence, newestEndMs: Math.max(evidence.newestEndMs ?? 0, record.endedAtMs) };
}

function emptyEvidence(epoch: number): EpochEvidence {
  return {
    epoch,
    candidate: new MetricAggregate('pipeline'),
    control: new MetricAggregate('pipeline'),
    crossed: new CrossedUsers(),
    newestEndMs: null,
    endsBySecond: new Map(),
    isComplete: false,
  };
}
