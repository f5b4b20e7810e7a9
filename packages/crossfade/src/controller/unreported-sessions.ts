import type { Actor, DrainedSession } from '../rollout/commands.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import { endOf } from './receipt-completion.ts';
import type { RolloutManager } from './rollout-manager.ts';

/**
 * Takes into receipts what a gateway could not report: sessions of a candidate that were open when it was taken back, and
 * were over before their gateway heard of it. The control plane was killed before it said so, the network was cut, or the
 * gateway was killed too and finished them from its journal. Records that come again change nothing.
 */
export async function takeUnreported(
  manager: RolloutManager,
  gateway: string,
  records: readonly SessionRecord[],
): Promise<void> {
  const actor: Actor = { kind: 'automatic', name: gateway };
  for (const { name, rollback } of manager.states()) {
    if (rollback === null) continue;
    const sessions = records.flatMap((record): DrainedSession | readonly [] => {
      const { sessionId, assignment, endedAtMs } = record;
      const isOfIt = assignment.arm === 'candidate' && assignment.rollout?.name === name;
      const wasOpen = isOfIt && endedAtMs > rollback.startedAtMs;
      return wasOpen && !Object.hasOwn(rollback.sessions, sessionId) ? endOf(record) : [];
    });
    if (sessions.length === 0) continue;
    const reason = 'over before the gateway heard of the rollback';
    await manager.tell(name, { type: 'drain-report', gateway, sessions, actor, reason });
  }
}
