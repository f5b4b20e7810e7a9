import type { Random } from '@crossfade/sdk/core/random';

/** Wait after the first failure, ms; doubles with each, up to the second number. */
export const retryMs = { min: 1_000, max: 3_600_000 } as const;

/**
 * Attempts before a notice is given up: with these waits about ten hours, so that a receiver may be down for a night
 * and a person finds the dead letter in the morning.
 */
export const attemptsMax = 20;

/** How long to wait after `failures` attempts: half of it fixed, half by chance, so that many do not come back at once. */
export function retryWaitMs(failures: number, random: Random): number {
  const ms = Math.min(retryMs.max, retryMs.min * 2 ** Math.min(failures - 1, 30));
  return ms / 2 + random.next() * (ms / 2);
}
