import { hasCode } from '@crossfade/sdk/core/errors';
import type { Actor } from '../rollout/commands.ts';
import type { EvaluatorRegistry } from './evaluator-registry.ts';
import type { RolloutManager } from './rollout-manager.ts';

const controlPlane: Actor = { kind: 'automatic', name: 'control plane' };

/**
 * Brings running rollbacks to their end: notes which evaluators serve a ruleset without the candidate, and closes
 * the receipt when all answered or the limits are over. Doing it again changes nothing.
 */
export async function settleRollbacks(
  manager: RolloutManager,
  evaluators?: EvaluatorRegistry,
): Promise<void> {
  for (const { name, phase, rollback } of manager.states()) {
    if (phase !== 'rolling-back' || rollback === null) continue;
    const stopRevision = manager.stopRevision(name) ?? Infinity;
    for (const { id, revision } of evaluators?.list() ?? []) {
      if (revision === null || revision < stopRevision || (rollback.evaluators[id] ?? null) !== null)
        continue;
      const reason = 'serves a ruleset without the candidate';
      await manager.tell(name, { type: 'acknowledge', evaluator: id, revision, actor: controlPlane, reason });
    }
    // Begun before the evaluators came back after a start: a gateway with open sessions may not be known yet. It comes
    // back to this process, whichever process the rollback began in.
    if (rollback.mayLackWitnesses === true && evaluators?.isWarmingUp === true) continue;
    try {
      await manager.tell(name, {
        type: 'finish-rollback',
        actor: controlPlane,
        reason: 'nothing is left to wait for',
      });
    } catch (error) {
      // Refused: sessions are open or evaluators silent, and their limits are not over.
      if (!hasCode(error, 'COMMAND_REFUSED')) throw error;
    }
  }
}
