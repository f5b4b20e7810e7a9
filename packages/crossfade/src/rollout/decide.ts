import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Command } from './commands.ts';
import type { RolloutEvent } from './events.ts';
import type { RolloutState } from './state.ts';

/** What a command does: the events to append, in order, and one sentence of why. No events: nothing changes. */
export interface Decision {
  readonly events: readonly RolloutEvent[];
  readonly why: string;
}

/**
 * Decides purely what a command does to a rollout; `state` is null before the first event. Throws
 * COMMAND_REFUSED with a sentence when this phase does not take the command.
 */
export function decide(state: RolloutState | null, command: Command, nowMs: number): Decision {
  throw new CrossfadeError('INTERNAL', `Not decided yet: ${command.type} at ${nowMs} in ${state?.phase}.`);
}
