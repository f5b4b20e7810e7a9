import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import type { EvidenceResult } from '../analysis/verdict.ts';
import { type AcceptanceMetricId, acceptanceMetricIds } from './metric-ids.ts';

/** How far a metric must be shown. */
export const requiredLevels = ['within-limits', 'certified'] as const;
export type RequiredLevel = (typeof requiredLevels)[number];

/** A person's recorded reason to go on without a measurement. It never excuses a failure. */
export interface Waiver {
  readonly metric: AcceptanceMetricId;
  readonly reason: string;
}

export interface Requirement {
  readonly level: RequiredLevel;
  /** Where a metric asks for another level. */
  readonly levels: Readonly<Partial<Record<AcceptanceMetricId, RequiredLevel>>>;
  readonly waivers: readonly Waiver[];
}

/** Longest reason that is kept; it stands in a table. */
const reasonCharactersMax = 500;

const level = z.enum(requiredLevels);
const requirementFile = z.strictObject({
  default: level.default('within-limits'),
  metrics: z.partialRecord(z.enum(acceptanceMetricIds), level).default({}),
});

/** Reads a requirement file (YAML or JSON): `default` and `metrics: { id: level }`. Throws CONFIG_INVALID. */
export function parseRequirement(text: string, file: string): Omit<Requirement, 'waivers'> {
  const document = parseDocument(text, { uniqueKeys: true });
  const parsed = requirementFile.safeParse(
    document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 100 }),
  );
  if (parsed.success) return { level: parsed.data.default, levels: parsed.data.metrics };
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new CrossfadeError(
    'CONFIG_INVALID',
    `Expected ${file} to hold "default" and "metrics" with within-limits or certified, got${place === '' ? '' : ` at ${place}`}: ${issue?.message ?? 'another document'}.`,
  );
}

/** Reads `ID REASON ID REASON …`. Throws USAGE. */
export function parseWaivers(words: readonly string[]): readonly Waiver[] {
  const waivers: Waiver[] = [];
  for (let at = 0; at < words.length; at += 2) {
    const metric = acceptanceMetricIds.find((id) => id === words[at]);
    if (metric === undefined) {
      throw new CrossfadeError(
        'USAGE',
        `Expected --waive with one of ${acceptanceMetricIds.join(', ')}, got "${words[at]}".`,
      );
    }
    const reason = (words[at + 1] ?? '').trim();
    if (reason === '' || reason.length > reasonCharactersMax) {
      throw new CrossfadeError(
        'USAGE',
        `Expected a reason of 1 to ${reasonCharactersMax} characters after --waive ${metric}.`,
      );
    }
    waivers.push({ metric, reason });
  }
  return waivers;
}

/** `passed` exits 0, `failed` 1, `evidence-missing` 2, `could-not-run` 3. */
export type RunResult = 'passed' | 'failed' | 'evidence-missing' | 'could-not-run';

interface Judged {
  readonly id: AcceptanceMetricId;
  readonly result: EvidenceResult;
}

/** What the metrics come to. A failure is never waived; what could not be measured passes by a waiver alone. */
export function judge(
  metrics: readonly Judged[],
  requirement: Requirement,
): { readonly result: RunResult; readonly short: readonly AcceptanceMetricId[] } {
  const failed = metrics.filter(({ result }) => result === 'failed');
  const short = metrics.filter((metric) => !reaches(metric, requirement)).map(({ id }) => id);
  if (failed.length > 0) return { result: 'failed', short };
  return { result: short.length > 0 ? 'evidence-missing' : 'passed', short };
}

function reaches({ id, result }: Judged, requirement: Requirement): boolean {
  if (result === 'not-measurable') return requirement.waivers.some(({ metric }) => metric === id);
  const enough: readonly EvidenceResult[] =
    (requirement.levels[id] ?? requirement.level) === 'certified'
      ? ['certified']
      : ['certified', 'within-limits'];
  return enough.includes(result);
}
