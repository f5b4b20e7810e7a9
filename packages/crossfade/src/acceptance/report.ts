import * as z from 'zod';
import { jsonDigest } from '../analysis/json-digest.ts';
import { metricSpecs } from '../analysis/metric-spec.ts';
import { acceptanceMetricIds } from './metric-ids.ts';
import { requiredLevels } from './requirement.ts';

const ms = z.number();
const share = z.enum(acceptanceMetricIds);

const metric = z.object({
  id: share,
  title: z.string().describe('What people call it.'),
  result: z.enum(['certified', 'within-limits', 'failed', 'inconclusive', 'not-measurable']),
  value: z.number().nullable().describe('In `unit`; null when not measurable.'),
  unit: z.enum(['ratio', 'ms', 'per-10000']),
  n: z.number().describe('Units behind the bound: sessions, segments from 60 sessions on, faults, crashes.'),
  bound: z.number().nullable().describe('95 % one-sided bound; null when there is none.'),
  threshold: z.number(),
  observer: z.string().describe('Where the number comes from.'),
  sentence: z.string().describe('One sentence with both numbers in it.'),
  required: z.enum(requiredLevels),
  reached: z.boolean().describe('The result is what is required, or a waiver stands in for it.'),
  waiver: z.string().nullable().describe("A person's recorded reason to go on without a measurement."),
});

const timelineText = z.object({ atMs: ms, final: z.boolean(), startMs: ms, endMs: ms, text: z.string() });
const worstCase = z.object({
  id: z.string(),
  scenario: z.string(),
  why: z.string(),
  replay: z.string().describe('The command that runs this case alone.'),
  audioMs: ms,
  stoppedAtMs: ms.nullable(),
  endedAtMs: ms,
  faultAtMs: ms.nullable(),
  lost: z.array(z.object({ startMs: ms, endMs: ms })),
  texts: z.array(timelineText),
});

const trial = z.object({
  id: z.string(),
  fault: z.string(),
  process: z.string(),
  recovered: z.boolean(),
  lossMs: ms,
  failure: z.string(),
});

/** What a run found, complete; everything else (table, Markdown, page) is made of it. */
export const reportSchema = z
  .object({
    schema: z.literal('crossfade.acceptance/1'),
    result: z.enum(['passed', 'failed', 'evidence-missing', 'could-not-run']),
    sentence: z.string(),
    partial: z.boolean().describe('The run ended before its plan did.'),
    system: z.enum(['direct', 'behind-gateway']),
    target: z.object({
      name: z.string().describe('Address or command.'),
      protocol: z.string(),
      build: z.string().nullable().describe('What the target says of its build; null when it says nothing.'),
    }),
    run: z.object({
      suite: z.string().describe('Version of the suite.'),
      profile: z.string(),
      probe: z.enum(['tone', 'speech', 'recordings']),
      case: z.string().nullable(),
      seed: z.number(),
      corpusDigest: z.string().describe('SHA-256 of everything that was planned to be said and broken.'),
      startedAt: z.string(),
      tookMs: ms,
      machine: z.object({
        platform: z.string(),
        node: z.string(),
        cpus: z.number(),
        memoryBytes: z.number(),
      }),
      sessions: z.number(),
      failedSessions: z.number().describe('Sessions that broke with no fault of ours.'),
      audioMs: ms,
      trials: z.number(),
      senderLateMs: z.object({ p99: ms, max: ms }),
      senderWasLate: z.boolean().describe('Frames left so late that latencies are worse than the target is.'),
    }),
    metrics: z.array(metric),
    trials: z.array(trial),
    plots: z.object({
      latencies: z.array(z.tuple([ms, z.number()])).describe('Finalization latency and its count.'),
      stopLatencies: z.array(z.tuple([ms, z.number()])),
      tails: z.array(ms).describe('Missed tail of each short session, in the order they ended.'),
      captures: z
        .array(z.object({ id: z.string(), audioMs: ms, lost: z.array(z.tuple([ms, ms])) }))
        .describe('Sessions that lost audio, the worst first.'),
    }),
    faults: z
      .array(z.object({ fault: z.string(), crash: z.boolean(), trials: z.number(), recovered: z.number() }))
      .default([])
      .describe('Fault trials by class.'),
    agreement: z
      .array(
        z.object({
          metric: share,
          blackBox: z.number(),
          whiteBox: z.number(),
          tolerance: z.number(),
          agrees: z.boolean(),
          sessions: z.number(),
          sentence: z.string(),
        }),
      )
      .default([])
      .describe(
        "Numbers that were seen from outside, beside the target's own; empty when nobody looked inside.",
      ),
    servedBy: z
      .array(
        z.object({
          upstream: z.string().nullable().describe('Null: the target itself, with nothing behind it.'),
          build: z.string().nullable().describe('What it says of its build; null when it does not.'),
          sessions: z.number().describe('A session that was taken over counts for both.'),
          tookOver: z.number().describe('Sessions in which it went on where another had left them.'),
        }),
      )
      .optional()
      .describe('Who served the sessions, by the records of a gateway or the answer of the target.'),
    notRun: z
      .array(z.object({ scenario: z.string(), why: z.string() }))
      .default([])
      .describe('Scenarios of the profile that this target does not allow.'),
    worst: z.array(worstCase),
    rendered: z
      .object({
        browser: z.string().nullable().describe('Null: no browser showed anything, and `why` says why.'),
        why: z.string(),
        sessions: z.number(),
        entries: z.number().describe('Entries that stood on the page.'),
        duplicates: z.number(),
        disagreeing: z.number().describe('Sessions in which the page and the view counted differently.'),
      })
      .describe('What a real browser showed of a sample of sessions.'),
    wordErrors: z
      .object({
        rate: z.number().describe('Errors per word that was said, pooled over all sessions.'),
        substitutions: z.number(),
        deletions: z.number(),
        insertions: z.number(),
        referenceWords: z.number(),
        normalizer: z.string().describe('Rules by which both sides were made comparable.'),
      })
      .nullable()
      .describe('Null: what was said is no language.'),
    notBuilt: z.array(z.string()).describe('What this suite does not test yet.'),
    digest: z
      .string()
      .describe('SHA-256 of this report without this field, in canonical form: members by name, no spaces.'),
  })
  .describe('What `crossfade accept` found.');

export type AcceptanceReport = Readonly<z.infer<typeof reportSchema>>;
export type WorstCase = AcceptanceReport['worst'][number];

/** What the report must not be read as covering. */
export const notBuilt: readonly string[] = [];

/** Binds a report to what it says. */
export function withDigest(report: Omit<AcceptanceReport, 'digest'>): AcceptanceReport {
  return { ...report, digest: jsonDigest(report) };
}

/** Whether nobody changed a report since it was made. */
export function isIntact({ digest, ...rest }: AcceptanceReport): boolean {
  return withDigest(rest).digest === digest;
}

/** `finalization-latency` as people call it. */
export function titleOf(id: (typeof acceptanceMetricIds)[number]): string {
  return metricSpecs[id].title;
}
