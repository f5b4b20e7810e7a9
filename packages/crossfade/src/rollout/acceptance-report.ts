import { CrossfadeError } from '@crossfade/sdk/core/errors';
import * as z from 'zod';
import { jsonDigest } from '../analysis/json-digest.ts';
import { metricIds } from '../analysis/metric-spec.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import type { AcceptanceEvidence, AcceptanceMetric } from './commands.ts';

/** A report has one row per metric; more are another document. */
const metricsMax = 50;
const text = z.string().max(2_000);

/** What a rollout reads of an acceptance report. Loose: the digest covers the rest, and a newer suite may say more. */
const reportShape = z.looseObject({
  schema: z.literal('crossfade.acceptance/1'),
  digest: text,
  result: z.enum(['passed', 'failed', 'evidence-missing', 'could-not-run']),
  partial: z.boolean(),
  system: text,
  target: z.looseObject({ name: text, protocol: text, build: text.nullable() }),
  run: z.looseObject({
    suite: text,
    profile: text,
    probe: text,
    case: text.nullable(),
    seed: z.number(),
    corpusDigest: text,
    startedAt: text.refine((at) => !Number.isNaN(Date.parse(at)), 'expected a date'),
  }),
  metrics: z
    .array(
      z.looseObject({
        id: z.enum(metricIds),
        result: z.enum(['certified', 'within-limits', 'failed', 'inconclusive', 'not-measurable']),
        value: z.number().nullable(),
        n: z.number(),
        bound: z.number().nullable(),
        threshold: z.number(),
        observer: text,
        sentence: text,
        waiver: text.nullable(),
      }),
    )
    .max(metricsMax),
});

/**
 * The evidence in an acceptance report, as JSON text or as the object. Throws EVIDENCE_INVALID when it is no report,
 * or was changed since it was made. What it proves is judged by the rollout it is handed to.
 */
export function evidenceOfReport(report: unknown): AcceptanceEvidence {
  const value = typeof report === 'string' ? parsed(report) : report;
  const shape = reportShape.safeParse(value);
  if (!shape.success) {
    const [issue] = shape.error.issues;
    const at = issue?.path.map(String).join('.') ?? '';
    throw invalid(
      'malformed',
      `Expected a report of \`crossfade accept --report\`, got another document${at === '' ? '' : ` (at ${at})`}.`,
    );
  }
  const { digest, ...rest } = value as Record<string, unknown>;
  const actual = jsonDigest(rest);
  if (actual !== digest) {
    throw invalid(
      'tampered',
      `Expected a report with the digest ${actual.slice(0, 12)}…, got one that says ${String(digest).slice(0, 12)}…: it was changed since it was made. Hand over the file as the suite wrote it.`,
    );
  }
  const { result, partial, system, target, run, metrics } = shape.data;
  const rows: readonly AcceptanceMetric[] = metrics.map(
    ({ id, result, value, n, bound, threshold, observer, sentence, waiver }) => ({
      ...{ metric: id, result, value, n, bound, threshold, observer, sentence },
      // Nothing but a missing measurement can be waived.
      waiver: result === 'not-measurable' ? waiver : null,
    }),
  );
  return {
    build: target.build,
    reportId: digest,
    startedAtMs: Date.parse(run.startedAt),
    result,
    partial,
    case: run.case,
    system,
    target: target.name,
    protocol: target.protocol,
    ...{ suite: run.suite, profile: run.profile, probe: run.probe, seed: run.seed },
    corpusDigest: run.corpusDigest,
    metrics: rows,
  };
}

/**
 * How far evidence shows a metric; undefined: not at all. Finalization latency has two halves, and the worse one
 * counts: that of finals, and that of the last final after a stop.
 */
export function resultOf(evidence: AcceptanceEvidence, metric: string): EvidenceResult | undefined {
  const own = evidence.metrics.find((row) => row.metric === metric);
  if (own === undefined) return undefined;
  const half = metric === 'finalization-latency' ? 'stop-latency' : null;
  const found = [own, ...evidence.metrics.filter((row) => row.metric === half && row.waiver === null)];
  return worstFirst.find((result) => found.some((row) => row.result === result));
}

const worstFirst = ['failed', 'inconclusive', 'not-measurable', 'within-limits', 'certified'] as const;

function parsed(report: string): unknown {
  try {
    return JSON.parse(report);
  } catch (cause) {
    throw invalid('malformed', 'Expected an acceptance report as JSON, got text that is not JSON.', cause);
  }
}

function invalid(problem: string, message: string, cause?: unknown): CrossfadeError {
  return new CrossfadeError('EVIDENCE_INVALID', message, { cause, detail: { problem } });
}
