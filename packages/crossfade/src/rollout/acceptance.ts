import type { MetricId } from '../analysis/metric-spec.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import type { Command } from './commands.ts';
import { refusal, type Decision, type DecisionDraft } from './decision.ts';
import { freezeAt } from './freeze.ts';
import type { Gate, RequiredResult } from './plan.ts';
import type { RolloutState } from './state.ts';

type Accept = Extract<Command, { readonly type: 'accept' }>;
type Waive = Extract<Command, { readonly type: 'waive' }>;

/** Whether a result is as good as a gate requires. */
export function meets(result: EvidenceResult | undefined, requires: RequiredResult): boolean {
  return result === 'certified' || (result === 'within-limits' && requires === 'within-limits');
}

/** How a gate stands with the evidence on record: live in this epoch, by acceptance, by a waiver, or not at all. */
export function settledBy(state: RolloutState, gate: Gate): 'live' | 'acceptance' | 'waiver' | null {
  if (isProvenLive(state, gate)) return 'live';
  if (meets(state.acceptance?.evidence?.results[gate.metric], gate.requires)) return 'acceptance';
  const waived = state.acceptance?.waivers.some(({ gates }) => gates.includes(gate.metric)) ?? false;
  return waived ? 'waiver' : null;
}

/** Whether live evidence of this epoch proves the gate. */
export function isProvenLive(state: RolloutState, gate: Gate): boolean {
  const evidence = state.judged?.judgement.verdict.evidence ?? [];
  return evidence.some(({ metric, result }) => metric === gate.metric && meets(result, gate.requires));
}

/** Acceptance evidence for this build opens the first stage; later it settles gates. */
export function decideAccept(draft: DecisionDraft, command: Accept): Decision {
  const { evidence } = command;
  const { plan } = draft.state;
  if (evidence.build !== plan.candidate.build) {
    throw refusal(
      draft.state,
      command,
      `Expected acceptance evidence of build ${plan.candidate.build}, got that of ${evidence.build}. Run acceptance on this build.`,
    );
  }
  const waived = evidence.waived ?? [];
  if (waived.length > 0 && command.actor.kind !== 'person') {
    throw refusal(
      draft.state,
      command,
      `Expected a person to waive ${waived.join(', ')}, got ${command.actor.name}.`,
    );
  }
  const open = plan.gates.find((gate) => !isAccepted(evidence.results[gate.metric], gate, waived));
  if (open !== undefined) {
    const got = evidence.results[open.metric] ?? 'not measured';
    throw refusal(draft.state, command, `Expected ${open.metric} to be ${open.requires}, got ${got}.`);
  }
  if (draft.state.phase === 'awaiting-acceptance') refuseInFreeze(draft, command);
  draft.emit({ type: 'accepted', evidence });
  if (waived.length > 0) draft.emit({ type: 'waived', gates: waived });
  return enterFirstStage(draft, `Acceptance report ${evidence.reportId} meets every gate`);
}

/** A failed gate is never accepted; one that is provable live may be left for later. */
function isAccepted(result: EvidenceResult | undefined, gate: Gate, waived: readonly MetricId[]): boolean {
  if (result === 'failed') return false;
  return meets(result, gate.requires) || gate.liveAtStage !== undefined || waived.includes(gate.metric);
}

/** A person's waiver opens the first stage where the plan allows it; later it settles the named gates. */
export function decideWaive(draft: DecisionDraft, command: Waive): Decision {
  const { plan, phase } = draft.state;
  if (phase === 'awaiting-acceptance' && plan.acceptance === 'required') {
    throw refusal(
      draft.state,
      command,
      'Expected acceptance evidence, as the plan requires it, got a waiver. Run acceptance, or revise the plan to acceptance: waiver.',
    );
  }
  const known = plan.gates.map(({ metric }) => metric);
  const gates = command.gates ?? known;
  const unknown = gates.find((metric) => !known.includes(metric));
  if (unknown !== undefined) {
    throw refusal(draft.state, command, `Expected gates of the plan (${known.join(', ')}), got ${unknown}.`);
  }
  if (phase === 'awaiting-acceptance') refuseInFreeze(draft, command);
  draft.emit({ type: 'waived', gates });
  return enterFirstStage(draft, `${command.actor.name} waives ${gates.join(', ') || 'acceptance'}`);
}

function refuseInFreeze(draft: DecisionDraft, command: Command): void {
  const freeze = freezeAt(draft.state.plan.freeze, draft.nowMs);
  if (freeze === null) return;
  throw refusal(
    draft.state,
    command,
    `The freeze window ${freeze.name} is open; only a rollback passes it. Try again after it.`,
  );
}

function enterFirstStage(draft: DecisionDraft, why: string): Decision {
  if (draft.state.phase !== 'awaiting-acceptance') return draft.done(`${why}.`);
  draft.emit({ type: 'stage-entered', stageIndex: 0, byHand: false, withoutPass: false, judgement: null });
  return draft.done(`${why}; stage ${draft.state.plan.stages[0]?.name} begins.`);
}
