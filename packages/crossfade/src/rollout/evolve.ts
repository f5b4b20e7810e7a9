import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { RolloutEvent } from './events.ts';
import type { RolloutState } from './state.ts';

/** The state after one more event; `state` is null before the first. Never reads anything but its arguments. */
export function evolve(state: RolloutState | null, event: RolloutEvent): RolloutState {
  throw new CrossfadeError('INTERNAL', `Not folded yet: ${event.type} in ${state?.phase}.`);
}

/** The state that a whole log makes, or null for an empty one. */
export function fold(events: Iterable<RolloutEvent>): RolloutState | null {
  let state: RolloutState | null = null;
  for (const event of events) state = evolve(state, event);
  return state;
}
