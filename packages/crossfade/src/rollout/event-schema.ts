import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import * as z from 'zod';
import { phases } from './state.ts';

/**
 * The shape that an event from a log must have before it is folded: what the fold and the ruleset rely on. Fields that
 * only people read may be missing, and newer ones are kept, so that a log outlives the program that wrote it.
 */
const text = z.string();
const number = z.number();
const whole = z.int().min(0);
const index = whole.nullable();
const texts = z.array(text);
const drain = z.enum(['finish', 'migrate', 'cut']);
const actor = z.looseObject({ kind: z.enum(['person', 'automatic']), name: text });
const position = z.looseObject({
  phase: z.enum(phases),
  stage: text.nullable(),
  epoch: whole,
  shareBuckets: whole.max(bucketCount),
  disabled: z.boolean(),
});
const stopped = z.looseObject({ reason: text, sentence: text }).nullable();
const verdicts = ['pass', 'fail', 'inconclusive', 'no-data', 'source-error', 'invalid'] as const;
const judgement = z.looseObject({
  verdict: z.looseObject({
    verdict: z.enum(verdicts),
    sentence: text,
    evidence: z.array(z.looseObject({ metric: text, result: text })),
    sessions: z.looseObject({ candidate: number, control: number }),
  }),
  epoch: whole,
});

const stage = z.looseObject({
  name: text,
  audiences: texts,
  shareBuckets: whole.max(bucketCount),
  bakeMs: number.min(0),
  minSessionsPerHour: number.min(0),
  longestBakeMs: number.min(0),
  approval: z.boolean(),
});
const side = z.looseObject({ variant: text, upstream: text });
const plan = z.looseObject({
  name: text,
  flag: text,
  control: side,
  candidate: side.extend({ build: text }),
  audiences: z.record(text, z.looseObject({ when: z.looseObject({}) })),
  stages: z.array(stage).min(1),
  gates: z.array(z.looseObject({ metric: text })),
  guardrails: z.looseObject({ limits: z.looseObject({}), minSessions: number }),
  goals: z.array(z.looseObject({ metric: text })),
  holdbackBuckets: whole.max(bucketCount),
  drain,
  drainLimitMs: number.min(0),
  noDataLimitMs: number.min(0),
  freeze: z.array(z.looseObject({ zone: text })),
  notifications: z.array(z.looseObject({})),
  salt: text.min(1),
  overrides: z.record(text, z.enum(['control', 'candidate'])),
});

const head = {
  rollout: text,
  actor,
  reason: text,
  atMs: number,
  before: position.nullable(),
  after: position,
};
const sessions = z.array(
  z.looseObject({
    sessionId: text,
    outcome: text,
    ended: z.boolean().optional(),
    samplesLost: number,
    duplicateEntries: number.optional(),
    pauseMs: number.optional(),
  }),
);
const evidence = z.looseObject({ build: text });
const positive = number.gt(0);
const baseline = z.looseObject({
  ratio: positive,
  scoreMean: positive,
  damage: positive,
  p95Ms: positive.optional(),
});
const history = z.looseObject({
  sessions: whole,
  fromMs: number,
  untilMs: number,
  baselines: z.record(text, baseline),
});

const bodies = {
  applied: { plan },
  started: {},
  accepted: { evidence },
  waived: { gates: texts },
  'stage-entered': { stageIndex: whole, judgement: judgement.nullable(), history: history.optional() },
  approved: { stage: text },
  'approval-wanted': { stage: text },
  judged: { judgement },
  baked: { healthyMs: number.min(0), stopped },
  'bake-extended': { byMs: number.min(0) },
  'epoch-begun': {},
  alarmed: { harmed: number },
  paused: {},
  resumed: {},
  disabled: {},
  enabled: {},
  revised: {
    plan,
    diff: z.array(z.looseObject({ path: text })),
    stageIndex: index,
    newBake: z.boolean(),
    history: history.optional(),
  },
  completed: { judgement: judgement.nullable() },
  'rollback-started': {
    drainId: text,
    policy: drain,
    judgement: judgement.nullable(),
    evaluators: texts,
    gateways: texts,
    mayLackWitnesses: z.boolean().optional(),
  },
  'drain-escalated': { drainId: text, policy: drain },
  'admission-stopped': { evaluator: text, revision: number },
  'sessions-drained': { gateway: text, sessions, done: z.boolean() },
  'rolled-back': {},
} as const;

/** By type of event. */
export const eventSchemas: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(bodies).map(([type, body]) => [
    type,
    z.looseObject({ type: z.literal(type), ...head, ...body }),
  ]),
);
