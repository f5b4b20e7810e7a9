import type { Random } from '@crossfade/sdk/core/random';

/** A standard normal number (Box & Muller 1958; one of the pair, so that draws do not depend on history). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** A log-normal number with a given mean; `sigma` is the spread of its logarithm. */
export function logNormal(random: Random, mean: number, sigma: number): number {
  return mean * Math.exp(sigma * normal(random) - (sigma * sigma) / 2);
}

/** Above this mean the normal approximation of a Poisson count is off by less than a percent anywhere that matters. */
const poissonByProductMax = 60;

/** A Poisson count. */
export function poisson(random: Random, mean: number): number {
  if (mean > poissonByProductMax) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const stop = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > stop; product *= random.next()) count += 1;
  return count;
}

/** How many of n trials succeed. */
export function binomial(random: Random, n: number, share: number): number {
  let count = 0;
  for (let i = 0; i < n; i++) if (random.next() < share) count += 1;
  return count;
}

/** A count of 1 or more with a given mean: the size of a burst. */
export function burst(random: Random, mean: number): number {
  return mean <= 1 ? 1 : 1 + Math.floor(Math.log(1 - random.next()) / Math.log(1 - 1 / mean));
}
