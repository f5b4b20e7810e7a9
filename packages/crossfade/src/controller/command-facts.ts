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

/** A command that may begin an error budget, with what control was like until now; null: it is none. */
export function withPast(
  command: Command,
  state: RolloutState | undefined,
  { history }: Facts,
  nowMs: number,
): Promise<Command> | null {
  if (history === undefined || state === undefined) return null;
  const plan = planOfBudget(command, state);
  if (plan === null) return null;
  return history(plan, nowMs).then((found) =>
    found === undefined ? command : { ...command, history: found },
  );
}

function planOfBudget(command: Command, { plan, budget }: RolloutState): Plan | null {
  if (command.type === 'revise') return budget === null ? null : command.plan;
  return (command.type === 'accept' || command.type === 'waive') && budget === null ? plan : null;
}

/** The command with who must confirm what it begins. */
export function withWitnesses(command: Command, { witnesses }: Facts): Command {
  return command.type === 'rollback' || command.type === 'verdict'
    ? { ...witnesses?.(), ...command }
    : command;
}
