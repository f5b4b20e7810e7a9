import type { ControlHistory } from '../analysis/sequential/control-history.ts';
import type { Command, Witnesses } from '../rollout/commands.ts';
import type { Plan } from '../rollout/plan.ts';
import type { RolloutState } from '../rollout/state.ts';

/** What a command must be told of the world, because a decision reads nothing but its arguments. */
export interface Facts {
  /** Who must confirm a rollback; asked when one begins. Nobody, when absent: decisions are made in this process. */
  readonly witnesses?: () => Witnesses;
  /** What control was like before an error budget begins. Absent: the judge goes by the plan's word and the table's. */
  readonly history?: (plan: Plan, nowMs: number) => Promise<ControlHistory | undefined>;
}

/** The command with the facts that it needs; `state` says where its rollout stands, of one that there is. */
export async function withFacts(
  command: Command,
  { witnesses, history }: Facts,
  state: () => RolloutState,
  nowMs: number,
): Promise<Command> {
  if (command.type === 'rollback' || command.type === 'verdict') return { ...witnesses?.(), ...command };
  if (command.type !== 'accept' && command.type !== 'waive' && command.type !== 'revise') return command;
  const { phase, plan, stageIndex } = state();
  const mayBegin = command.type === 'revise' ? stageIndex !== null : phase === 'awaiting-acceptance';
  const found = mayBegin
    ? await history?.(command.type === 'revise' ? command.plan : plan, nowMs)
    : undefined;
  return found === undefined ? command : { ...command, history: found };
}
