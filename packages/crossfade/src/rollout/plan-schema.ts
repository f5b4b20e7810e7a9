import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { parseDurationMs } from '@crossfade/sdk/core/units';
import * as z from 'zod';
import { judgedMetricIds, metricIds } from '../analysis/metric-spec.ts';
import { rolloutAlpha } from '../analysis/sequential/sequential-judge.ts';
import { sequentialMetrics, type SequentialMetricId } from '../analysis/sequential/sequential-metrics.ts';
import { acceptanceMetrics, noticeKinds, webhookFormats } from './plan.ts';

/**
 * The plan as people write it. Every message says what was expected; `parse-plan.ts` adds where, and what came.
 * The published JSON Schema and `docs/plan-reference.md` are made from this.
 */

/** Longer than any rollout: a duration past it is a slip of the unit. */
const durationMaxMs = 366 * 86_400_000;
const stagesMax = 50;
const listMax = 100;
/** Single users; more are an audience. */
const overridesMax = 10_000;

const duration = z
  .string({ error: 'a duration such as 48h, 90s or 1h30m' })
  .regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, 'a duration such as 48h, 90s or 1h30m')
  .refine((text) => isDuration(text), 'a duration of at most 366d')
  .transform((text) => parseDurationMs(text));

function isDuration(text: string): boolean {
  // A text that is none has been refused by the pattern already.
  return !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text) || parseDurationMs(text) <= durationMaxMs;
}

const nameText = 'small letters, digits, "." and "-", at most 63';
const name = z.string({ error: nameText }).regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, nameText);

const shareText = 'a percentage from 0 to 100 in steps of 0.001, such as 10 or "12.5 %"';

/** A share in buckets of 0.001 %. */
const share = z
  .union([z.number(), z.string().regex(/^\d{1,3}(\.\d{1,3})? ?%$/, shareText)], { error: shareText })
  .refine((value) => isWholeShare(bucketsOf(value)), shareText)
  .transform(bucketsOf);

/** Rounded far below a bucket, so that 0.1 + 0.2 percent is a whole number of them and 0.0005 is not. */
function bucketsOf(value: number | string): number {
  const percent = Number(String(value).replace('%', '').trim());
  return Math.round(percent * 1_000 * 1_000) / 1_000;
}

function isWholeShare(buckets: number): boolean {
  return Number.isInteger(buckets) && buckets >= 0 && buckets <= bucketCount;
}

const metric = z.enum(metricIds, {
  error: `one of the metrics ${metricIds.join(', ')}`,
});

const text = (expected: string, maxChars: number) =>
  z.string({ error: expected }).min(1, expected).max(maxChars, `${expected}, at most ${maxChars} characters`);

const whole = (expected: string, min: number, max: number) =>
  z.int({ error: expected }).min(min, expected).max(max, expected);

const flagOrPipeline = 'the name of an upstream';

const control = z.strictObject({
  variant: name.default('control').describe('Variant of the flag.'),
  upstream: text(flagOrPipeline, 100).describe('Upstream that the variant names.'),
});

const candidate = z.strictObject({
  variant: name.default('candidate').describe('Variant of the flag.'),
  upstream: text(flagOrPipeline, 100).describe('Upstream that the variant names.'),
  build: text('the digest of a build', 200).describe('Digest of the build; a rollback is final for it.'),
});

const audience = z.strictObject({
  description: z.string({ error: 'a text' }).max(1_000, 'a text of at most 1000 characters').optional(),
  // Checked whole by the evaluator's own validator, so that a plan never makes a ruleset that is refused.
  when: z.unknown().describe('A condition of the ruleset: a comparison, or all, any, not, audience.'),
});

const stage = z.strictObject({
  name: name.describe('Unique in the plan.'),
  audiences: z
    .array(name, { error: 'a list of audiences of the plan' })
    .max(listMax, `at most ${listMax} audiences`)
    .default([])
    .describe('Audiences that come in here, in full. Those of earlier stages stay in.'),
  share: share
    .optional()
    .describe(
      'Share of everybody else in percent, in steps of 0.001. Absent: as in the stage before, at first 0.',
    ),
  bake: duration.prefault('48h').describe('Healthy, observed time before the next stage.'),
  minSessionsPerHour: whole('a whole number of sessions, 0 or more', 0, 1_000_000)
    .default(10)
    .describe('Fewer sessions of the candidate an hour stop the bake clock.'),
  longestBake: duration
    .optional()
    .describe(
      'Still inconclusive after this much time: pause and notify. Default three times the bake, at least 1h.',
    ),
  approval: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('A person must approve before this stage begins. Not for the first stage.'),
});

const gate = z.strictObject({
  metric: metric.describe('What must be proven.'),
  requires: z
    .enum(['certified', 'within-limits'], { error: 'certified or within-limits' })
    .default('certified')
    .describe('certified: the bound is on the right side. within-limits: the value is.'),
  liveAtStage: name
    .optional()
    .describe(
      'Stage that is not left before live evidence proves the gate. Absent: acceptance evidence or a waiver.',
    ),
});

const acceptanceRule = z.enum(['required', 'waiver'], { error: 'required or waiver' });

/** Two words, or an object that also says how fresh and how good the evidence must be. */
const acceptance = z.union(
  [
    acceptanceRule,
    z.strictObject({
      rule: acceptanceRule.default('required').describe('As the word alone.'),
      maxAge: duration
        .prefault('30d')
        .describe('Evidence that is older has gone stale: run acceptance again.'),
      requires: z
        .partialRecord(
          z.enum([...acceptanceMetrics, 'stop-latency'], { error: 'an acceptance metric' }),
          z.enum(['certified', 'within-limits'], { error: 'certified or within-limits' }),
          { error: 'certified or within-limits by metric' },
        )
        .default({})
        .describe('What the report must show, beside what the gates require of it.'),
    }),
  ],
  { error: 'required, waiver, or an object with rule, maxAge and requires' },
);

const limit = z.union([z.number().min(0), z.literal('off')], {
  error: 'a number of 0 or more in the unit of the metric, or off',
});

const guardrails = z.strictObject({
  minSessions: whole('a whole number of sessions, 1 or more', 1, 1_000_000)
    .default(30)
    .describe(
      'Sessions that each arm must have in an epoch before anything passes. What is shown bad waits for none.',
    ),
  limits: z
    .partialRecord(
      z.enum(judgedMetricIds, { error: `one of the judged metrics ${judgedMetricIds.join(', ')}` }),
      limit,
      { error: 'limits by metric' },
    )
    .default({})
    .describe(
      'By metric, in its unit: ms, a share of one, or a count per 10,000. Over the defaults; off removes one.',
    ),
});

const goal = z.strictObject({
  metric: metric.describe('What is hoped to improve.'),
  mustImprove: z
    .boolean({ error: 'true or false' })
    .default(false)
    .describe('True: the rollout does not complete before it is shown better.'),
});

const marginText = 'a percentage from 0 to 1000, such as 25 or "12.5 %"';

/** A relative margin as people write it, in percent. */
const margin = z
  .union([z.number(), z.string().regex(/^\d{1,4}(\.\d{1,3})? ?%$/, marginText)], { error: marginText })
  .transform((value) => Number(String(value).replace('%', '').trim()) / 100)
  .refine((value) => value >= 0 && value <= 10, marginText);

const sequentialIds = sequentialMetrics.map(({ id }) => id) as [SequentialMetricId, ...SequentialMetricId[]];

const metricChoice = z.strictObject({
  role: z
    .enum(['guardrail', 'watch'], { error: 'guardrail or watch' })
    .optional()
    .describe('guardrail: shown worse, it rolls back. watch: it is shown, and decides nothing.'),
  rollbackMargin: margin
    .optional()
    .describe('How much worse than control, in percent, is tolerated before it counts towards a rollback.'),
  promotionMargin: margin
    .optional()
    .describe('What must be excluded to be proven no worse; at least the rollback margin.'),
  proof: z
    .enum(['below-limit', 'no-worse'], { error: 'below-limit or no-worse' })
    .optional()
    .describe('How a gate on it is proven live: below its limit, or no worse than control.'),
  history: z
    .number({ error: 'a number above 0 in the unit of the metric' })
    .positive('a number above 0 in the unit of the metric')
    .optional()
    .describe(
      'What control had before the rollout, in the unit of the metric; absent: what its sessions say. A wrong value costs power, and takes no healthy build back.',
    ),
});

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const freeze = z.strictObject({
  name: text('a name', 100),
  zone: text('an IANA time zone such as Europe/Berlin', 64)
    .refine(isZone, 'an IANA time zone such as Europe/Berlin')
    .describe('IANA time zone.'),
  days: z
    .array(z.enum(days, { error: `days of ${days.join(', ')}` }), { error: `a list of ${days.join(', ')}` })
    .min(1, 'at least one day')
    .max(7, 'at most seven days')
    .optional()
    .describe('Days on which it opens. Absent: once, between two dates.'),
  from: z
    .string({ error: '"18:00" with days, else "2026-12-20T00:00"' })
    .describe('Local time of day with days, else local date and time.'),
  until: z
    .string({ error: '"08:00" with days, else "2026-12-27T00:00"' })
    .describe('As from; half-open. A time of day at or before from lies on the next day.'),
});

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const notification = z.strictObject({
  target: name.optional().describe('A target of the system configuration. This or webhook.'),
  webhook: z
    .url({ protocol: /^https?$/, error: 'an http:// or https:// address' })
    .max(2_000, 'an address of at most 2000 characters')
    .optional()
    .describe('An address of its own. Private addresses only if the system configuration allows the host.'),
  format: z
    .enum(webhookFormats, { error: `one of ${webhookFormats.join(', ')}` })
    .optional()
    .describe('Of the webhook: standard (default), an event with a signature, or slack.'),
  secretFromEnv: z
    .string({ error: 'the name of an environment variable' })
    // A plan is not written by whoever owns the machine: it may name no other secret of it.
    .regex(/^CROSSFADE_WEBHOOK_[A-Z0-9_]{1,60}$/, 'a variable whose name begins with CROSSFADE_WEBHOOK_')
    .optional()
    .describe("Environment variable of the control plane that holds the webhook's signing secret."),
  on: z
    .array(z.enum(noticeKinds, { error: `one of ${noticeKinds.join(', ')}` }), { error: 'a list of notices' })
    .max(listMax, `at most ${listMax} notices`)
    .default([...noticeKinds])
    .describe('What is sent. Default: everything.'),
});

const list = <Item extends z.ZodType>(item: Item) =>
  z.array(item, { error: 'a list' }).max(listMax, `a list of at most ${listMax}`);

export const planSchema = z
  .strictObject({
    $schema: z.string().max(1_000).optional().describe('For editors.'),
    name: name.describe('Name of the rollout.'),
    flag: name.default('transcription').describe('Flag that it owns.'),
    control: control.describe('The pipeline that serves today.'),
    candidate: candidate.describe('The pipeline that is rolled out.'),
    audiences: z
      .record(name, audience, { error: 'audiences by name' })
      .default({})
      .describe('Named groups of users.'),
    stages: z
      .array(stage, { error: 'a list of stages' })
      .min(1, 'at least one stage')
      .max(stagesMax, `at most ${stagesMax} stages`)
      .describe('Steps of the rollout, in order.'),
    acceptance: acceptance
      .default('required')
      .describe(
        'required: only acceptance evidence opens the first stage. waiver: a recorded waiver of a person does too.',
      ),
    gates: list(gate)
      .optional()
      .describe('Must be proven good. Default: the seven acceptance metrics, certified.'),
    guardrails: guardrails.prefault({}).describe('Must not be shown worse, else rollback.'),
    goals: list(goal).default([]).describe('Hoped to improve.'),
    metrics: z
      .partialRecord(
        z.enum(sequentialIds, { error: `one of the compared metrics ${sequentialIds.join(', ')}` }),
        metricChoice,
        { error: 'choices by metric' },
      )
      .default({})
      .describe('What is different from the table of docs/statistics.md, by metric.'),
    alpha: z
      .number({ error: 'a number from 0.001 to 0.2' })
      .min(0.001, 'a number from 0.001 to 0.2')
      .max(0.2, 'a number from 0.001 to 0.2')
      .default(rolloutAlpha)
      .describe(
        'Worst-case chance that the whole rollout takes a healthy build back. 0.01 for who releases every week.',
      ),
    maturity: duration
      .prefault('30m')
      .describe(
        'When the end of a session is overdue, from its start: the 99th percentile of session length, and the lag of reports. A session that did not report by then failed. Never compressed.',
      ),
    incidentHold: duration
      .prefault('30m')
      .describe(
        'How long an incident of both arms holds the rollout before its evidence begins anew in another epoch.',
      ),
    holdback: share
      .prefault(0)
      .describe('Share in percent that stays on control in every stage, in audiences too; at most 50.'),
    drain: z
      .enum(['finish', 'migrate', 'cut'], { error: 'finish, migrate or cut' })
      .default('migrate')
      .describe(
        'What open sessions do at a rollback: end where they are, move at a segment boundary, move now.',
      ),
    drainLimit: duration
      .prefault('10m')
      .describe('How long a rollback waits for them before the receipt lists them as open.'),
    noDataLimit: duration
      .prefault('12h')
      .describe('How long there may be no data, or no answer, before the rollout pauses.'),
    freeze: list(freeze)
      .default([])
      .describe('No stage begins and the bake clock stops while one is open. Rollback ignores them.'),
    notifications: list(notification).default([]).describe('Who is told.'),
    salt: text('a text', 200)
      .optional()
      .describe(
        'Hashed with the targeting key. Default: the name, so that another rollout risks other users first.',
      ),
    overrides: z
      .record(z.string().max(256), z.enum(['control', 'candidate'], { error: 'control or candidate' }), {
        error: 'sides by targeting key',
      })
      .refine((sides) => Object.keys(sides).length <= overridesMax, `at most ${overridesMax} users`)
      .default({})
      .describe('Single users by targeting key; wins over stages.'),
  })
  .describe('How a candidate is rolled out.');

/** What the schema makes of a plan: defaults filled in, durations in ms, shares in buckets. */
export type WrittenPlan = z.infer<typeof planSchema>;

/** Number of a day, 1 for Monday. */
export function dayNumber(day: (typeof days)[number]): number {
  return days.indexOf(day) + 1;
}

/** A node of a JSON Schema. */
export type SchemaNode = { readonly [keyword: string]: unknown };

/** Definitions of the ruleset's schema that a condition is made of. */
const conditionDefinitions = ['name', 'scalar', 'comparison', 'conditions', 'condition'] as const;

/**
 * The JSON Schema of a plan as people write it: editors complete and check plans with it. Conditions are those of
 * `rulesetSchema`, the published schema of rulesets, so that the two never differ.
 */
export function planJsonSchema(rulesetSchema: SchemaNode): SchemaNode {
  const definitions = rulesetSchema['$defs'] as Readonly<Record<string, SchemaNode>>;
  const { $schema, ...schema } = z.toJSONSchema(planSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      // The one unknown of the plan is the condition of an audience.
      if (zodSchema._zod.def.type === 'unknown' && path.at(-1) === 'when')
        jsonSchema.$ref = '#/$defs/condition';
    },
  });
  return {
    $schema,
    $id: 'urn:crossfade:plan:1',
    title: 'Crossfade rollout plan',
    ...schema,
    $defs: Object.fromEntries(conditionDefinitions.map((name) => [name, definitions[name]])),
  };
}
