import { formatDurationMs, parseDurationMs } from '@crossfade/sdk/core/units';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import type { PlanChange } from './events.ts';

/** A change in the words of a plan's file: `stages.0.share`, `10 %`, `50 %`. */
export function changeWords({ path, before, after }: PlanChange): {
  readonly path: string;
  readonly before: string;
  readonly after: string;
} {
  const parts = path.split('.');
  const field = parts.at(-1) ?? '';
  return {
    path: [...parts.slice(0, -1), fieldOf(field)].join('.'),
    before: textOf(field, before),
    after: textOf(field, after),
  };
}

const renamed: Readonly<Record<string, string>> = {
  acceptanceMaxAgeMs: 'acceptance.maxAge',
  acceptanceRequires: 'acceptance.requires',
};

/** A parsed plan names units behind its fields; its file names them in the value. */
function fieldOf(name: string): string {
  return renamed[name] ?? name.replace(/(Buckets|Ms|Local|Minute)$/, '');
}

function textOf(field: string, value: unknown): string {
  if (value === null) return 'nothing';
  const said = saidOf(field, value);
  return typeof said === 'string' && said !== value ? said : JSON.stringify(said);
}

function saidOf(field: string, value: unknown): unknown {
  if (typeof value === 'number') return numberOf(field, value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => saidOf('', each));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [fieldOf(name), saidOf(name, each)]));
}

function numberOf(field: string, value: number): string | number {
  if (field.endsWith('Buckets')) return `${Number(((value * 100) / bucketCount).toFixed(3))} %`;
  if (field.endsWith('Minute')) return timeOfDay(value);
  if (!field.endsWith('Ms')) return value;
  const text = formatDurationMs(value);
  // Rounded: two values that differ must not read the same.
  return parseDurationMs(text) === value ? text : `${value}ms`;
}

function timeOfDay(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
