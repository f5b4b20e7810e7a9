import { CrossfadeError } from './errors.ts';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads `48h`, `90s`, `250ms`, `1h30m` as milliseconds. Throws USAGE on anything else. */
export function parseDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new CrossfadeError('USAGE', `Expected a duration such as 48h, 90s or 1h30m, got "${text}".`);
  }
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * unitMs[unit as keyof typeof unitMs],
    0,
  );
}

/** Writes milliseconds the way `parseDurationMs` reads them: at most two units, rounded. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)}ms`;
  const units = [
    ['d', unitMs.d],
    ['h', unitMs.h],
    ['m', unitMs.m],
    ['s', unitMs.s],
  ] as const;
  const first = units.findIndex(([, size]) => durationMs >= size);
  const [name, size] = units[first] ?? units[3];
  const next = units[first + 1];
  if (next === undefined) return `${Number((durationMs / size).toFixed(1))}${name}`;
  const rounded = Math.round(durationMs / next[1]) * next[1];
  const rest = (rounded % size) / next[1];
  return `${Math.floor(rounded / size)}${name}${rest === 0 ? '' : `${rest}${next[0]}`}`;
}

/** Audio time of a count of samples, in milliseconds. */
export function samplesToMs(samples: number, sampleRate: number): number {
  return (samples * 1_000) / sampleRate;
}

/** The whole sample nearest to an audio time in milliseconds. */
export function msToSamples(ms: number, sampleRate: number): number {
  return Math.round((ms * sampleRate) / 1_000);
}
