import { resultOf } from './acceptance-report.ts';
import type { Command, Past } from './commands.ts';
import { refusal, type Decision, type DecisionDraft } from './decision.ts';
import { meets, problemOf } from './evidence-problem.ts';
import { freezeAt } from './freeze.ts';
import type { Gate } from './plan.ts';
import type { RolloutState } from './state.ts';

type Accept = Extract<Command, { readonly type: 'accept' }>;
type Waive = Extract<Command, { readonly type: 'waive' }>;

/** How a gate stands with the evidence on record: live in this epoch, by acceptance, by a waiver, or not at all. */
export function settledBy(state: RolloutState, gate: Gate): 'live' | 'acceptance' | 'waiver' | null {
  if (isProvenLive(state, gate)) return 'live';
  const evidence = state.acceptance?.evidence ?? null;
  if (evidence !== null && meets(resultOf(evidence, gate.metric), gate.requires)) return 'acceptance';
  const waived = state.acceptance?.waivers.some(({ gates }) => gates.includes(gate.metric)) ?? false;
  return waived ? 'waiver' : null;
}

/** Whether live evidence proves the gate: that of this epoch, or of the stage that was to prove it. */
export function isProvenLive(state: RolloutState, gate: Gate): boolean {
  if (state.budget?.proven.some(({ metric }) => metric === gate.metric) === true) return true;
  const evidence = state.judged?.judgement.verdict.evidence ?? [];
  return evidence.some(({ metric, result }) => metric === gate.metric && meets(result, gate.requires));
}

/** Evidence that fits the plan opens the first stage; later it settles gates. */
export function decideAccept(draft: DecisionDraft, command: Accept): Decision {
  const { evidence, actor } = command;
  const problem = problemOf(evidence, draft.state.plan, draft.nowMs);
  if (problem !== null) throw refusal(draft.state, command, problem.sentence, problem.problem);
  const waived = evidence.metrics.filter(({ waiver }) => waiver !== null);
  if (waived.length > 0 && actor.kind !== 'person') {
    const names = waived.map(({ metric }) => metric).join(', ');
    throw refusal(draft.state, command, `Expected a person to waive ${names}, got ${actor.name}.`);
  }
  if (draft.state.phase === 'awaiting-acceptance') refuseInFreeze(draft, command);
  draft.emit({ type: 'accepted', evidence });
  for (const { metric, waiver } of waived)
    draft.emit({ type: 'waived', gates: [metric] }, waiver ?? command.reason);
  return enterFirstStage(
    draft,
    command,
    `Acceptance report ${evidence.reportId.slice(0, 12)} meets what the plan requires`,
  );
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
  return enterFirstStage(draft, command, `${command.actor.name} waives ${gates.join(', ') || 'acceptance'}`);
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

function enterFirstStage(draft: DecisionDraft, { history }: Past, why: string): Decision {
  if (draft.state.phase !== 'awaiting-acceptance') return draft.done(`${why}.`);
  const past = history === undefined ? {} : { history };
  const head = { type: 'stage-entered', stageIndex: 0, byHand: false, withoutPass: false } as const;
  draft.emit({ ...head, judgement: null, ...past });
  return draft.done(`${why}; stage ${draft.state.plan.stages[0]?.name} begins.`);
}
