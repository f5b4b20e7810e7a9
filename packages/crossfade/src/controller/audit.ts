import { messageOf } from '@crossfade/sdk/core/errors';
import type { RolloutState } from '../rollout/state.ts';
import type { RolloutStore, StoredEvent } from '../store/store.ts';
import { evolveStored } from './read-event.ts';

/** What an audit found. */
export interface AuditReport {
  readonly ok: boolean;
  readonly records: number;
  readonly rollouts: number;
  /** The last record, to be noted elsewhere; null in an empty log. */
  readonly head: { readonly sequence: number; readonly hash: string } | null;
  /** The first record that is not what was written; null when all are. */
  readonly damage: { readonly sequence: number; readonly problem: string } | null;
}

const pageSize = 1_000;

/**
 * Checks a whole log: the hash chain, that every record can be folded, and, when one was noted elsewhere, that it is
 * still the same. Only the last of these finds a log whose writer made every hash anew.
 */
export async function auditStore(
  store: Pick<RolloutStore, 'read' | 'verify'>,
  expected?: { readonly sequence: number; readonly hash: string },
): Promise<AuditReport> {
  const states = new Map<string, RolloutState>();
  let damage = await store.verify();
  let last: StoredEvent | undefined;
  let records = 0;
  let found = expected === undefined;
  for (;;) {
    const page = await store.read({ after: last?.sequence ?? 0, limit: pageSize });
    for (const stored of page) {
      damage ??= fold(states, stored);
      if (expected?.sequence === stored.sequence) {
        found = true;
        if (expected.hash !== stored.hash) damage ??= otherHash(expected.sequence);
      }
    }
    records += page.length;
    last = page.at(-1) ?? last;
    if (page.length < pageSize) break;
  }
  if (!found && expected !== undefined) damage ??= notThere(expected.sequence, records);
  const head = last === undefined ? null : { sequence: last.sequence, hash: last.hash };
  return { ok: damage === null, records, rollouts: states.size, head, damage };
}

function fold(states: Map<string, RolloutState>, stored: StoredEvent): AuditReport['damage'] {
  try {
    states.set(stored.stream, evolveStored(states.get(stored.stream) ?? null, stored));
    return null;
  } catch (error) {
    return {
      sequence: stored.sequence,
      problem: messageOf(error),
    };
  }
}

function otherHash(sequence: number): AuditReport['damage'] {
  return {
    sequence,
    problem: `Record ${sequence} has another hash than the one noted: the log was written anew.`,
  };
}

function notThere(sequence: number, records: number): AuditReport['damage'] {
  return { sequence, problem: `Record ${sequence} was noted and is missing: the log has ${records}.` };
}
