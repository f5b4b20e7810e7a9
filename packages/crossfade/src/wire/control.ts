import * as z from 'zod';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SessionRecord, SessionSignal } from '../transcript/session-record.ts';

/**
 * What travels between the control plane, its gateways and its command line. Every shape is checked when it
 * arrives; what was checked here is trusted further in.
 */

/** How often a ruleset stream says that the control plane lives, ms. A lease of 60 s survives many lost beats. */
export const heartbeatIntervalMs = 2_000;

/** A gateway answers a heartbeat about this often, ms: so is known that the way back is open too. */
export const answerIntervalMs = 4_000;

/** Session records a gateway sends at once: one request a second carries more than one gateway makes. */
export const recordBatchMax = 100;

/** Signals of running sessions a gateway sends at once; one is about 300 bytes. */
export const signalBatchMax = 1_000;

/** Bodies in bytes. A record with both latency lists full is under 200 kB, a plan a page of text or, with
 * audiences of 100,000 keys, some megabytes, an acceptance report
 * with all its plots and worst cases under 2 MB. */
export const bodyMaxBytes = {
  command: 64 * 1024,
  plan: 16 * 1024 * 1024,
  report: 8 * 1024 * 1024,
  records: 24 * 1024 * 1024,
  drain: 4 * 1024 * 1024,
} as const;

/** Sessions one drain report may name: more than a gateway carries. */
export const drainSessionsMax = 10_000;

/** Who listens on a ruleset stream: a gateway answers drains, any other evaluator only decides. */
export type EvaluatorRole = 'gateway' | 'sdk';

const id = z.string().min(1).max(200);
const count = z.number().int().nonnegative();
const ms = z.number();

export const evaluatorQuerySchema = z.object({
  evaluator: id.default('anonymous'),
  role: z.enum(['gateway', 'sdk']).default('sdk'),
  /** What a gateway can route to, names with commas between; absent: it does not say. */
  upstreams: z
    .string()
    .max(8_192)
    .transform((names) => names.split(',').filter((name) => name !== ''))
    .optional(),
  /** Whether it answers heartbeats. */
  answers: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional(),
});

export const ackSchema = z.object({ revision: count });
export type Ack = z.infer<typeof ackSchema>;

export const heartbeatSchema = z.object({ revision: count });
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** What became of one session that was open when its candidate was taken back. */
export const drainedSessionSchema = z.object({
  sessionId: id,
  outcome: z.enum(['finished', 'migrated', 'cut', 'rescued', 'open']),
  ended: z.boolean().exactOptional(),
  samplesLost: count,
  duplicateEntries: count.exactOptional(),
  pauseMs: ms.min(0).exactOptional(),
});
export type DrainedSession = Readonly<z.infer<typeof drainedSessionSchema>>;

/** All that a gateway knows of one drain, whole each time; `done` when none of its sessions is open. */
export const drainReportSchema = z.object({
  gateway: id,
  sessions: z.array(drainedSessionSchema).max(drainSessionsMax),
  done: z.boolean(),
});
export type DrainReport = {
  readonly gateway: string;
  readonly sessions: readonly DrainedSession[];
  readonly done: boolean;
};

const attemptSchema = z.looseObject({
  upstream: z.string(),
  startSample: count,
  samplesForwarded: count,
  samplesCovered: count,
  end: z.enum(['closed', 'refused', 'died', 'stalled', 'broke-protocol', 'migrated', 'gateway-lost']),
  reason: z.string(),
});

const countsShape = {
  samplesOffered: count,
  samplesCovered: count,
  segmentsWithPartial: count,
  orphans: count,
  retractions: count,
  finalLatenciesMs: z.array(ms).max(4_096),
  finalLatencyCount: count,
  finalLatencyOverLimit: count,
  stopLatencyMs: ms.nullable(),
  missedTailMs: ms.nullable(),
  entries: count,
  duplicateEntries: count,
  firstPartialMs: ms.nullable(),
};

/**
 * A session record as it arrives. Loose: a newer gateway may say more than this control plane knows, and what
 * it says is kept; what the judge reads is checked.
 */
export const sessionRecordSchema = z.looseObject({
  schema: z.literal('crossfade.session/1'),
  sessionId: id,
  assignment: z.looseObject({
    flag: z.string(),
    variant: z.string(),
    reason: z.string(),
    rulesetRevision: count,
    upstream: z.string(),
    arm: z.enum(['control', 'candidate']),
    rollout: z.looseObject({ name: z.string(), epoch: count }).optional(),
    userHash: z.string(),
  }),
  model: z.string(),
  sampleRate: z.number().int().positive(),
  realTime: z.boolean(),
  startedAtMs: ms,
  endedAtMs: ms,
  end: z.enum(['closed-by-client', 'client-lost', 'recovered', 'limit']),
  gatewayRestarts: count,
  pipeline: z.looseObject({
    ...countsShape,
    attempts: z.array(attemptSchema).max(1_000),
    deaths: count,
    stalls: count,
    refusals: count,
    replays: count,
    failed: z.boolean(),
    failure: z.string(),
  }),
  user: z.looseObject({
    ...countsShape,
    samplesDurable: count,
    faults: count,
    faultsRecovered: count,
    crashLossMs: z.array(ms).max(1_000),
    pausesMs: z.array(ms).max(10_000),
    rescuedBy: z.string().nullable(),
  }),
});

const recordsSchema = z.object({
  /** Whose they are; gateways of an older version do not say. */
  gateway: id.optional(),
  records: z.array(sessionRecordSchema).max(recordBatchMax),
});

const signalSchema = z.looseObject({
  kind: z.enum(['started', 'early']),
  sessionId: id,
  arm: z.enum(['control', 'candidate']),
  rollout: z.looseObject({ name: z.string().min(1).max(200), epoch: count }),
  userHash: z.string().max(64),
  reason: z.string().max(64),
  rule: z.string().max(300).optional(),
  startedAtMs: ms,
  failed: z.boolean().optional(),
});

const signalsSchema = z.object({ signals: z.array(signalSchema).max(signalBatchMax) });

export interface RecordsAnswer {
  readonly received: number;
  /** How many were not known before. */
  readonly stored: number;
}

/** A moment in wall time, ms; absent: now. */
export const explanationQuerySchema = z.object({ at: z.coerce.number().finite().optional() });

/** Who asks and why: part of every command, kept in the audit. */
export const bySchema = z.object({ actor: id, reason: z.string().min(1).max(2_000) });

export const commandNames = [
  'start',
  'accept',
  'waive-acceptance',
  'advance',
  'approve',
  'pause',
  'resume',
  'disable',
  'enable',
  'revise',
  'rollback',
] as const;
export type CommandName = (typeof commandNames)[number];

const planText = z.union([z.string().max(bodyMaxBytes.plan), z.record(z.string(), z.unknown())]);

export const applySchema = z.object({ ...bySchema.shape, plan: planText });
export const reviseSchema = applySchema;
export const acceptSchema = z.object({
  ...bySchema.shape,
  report: z.union([z.string(), z.record(z.string(), z.unknown())]),
});
export const commandSchema = bySchema;
export const advanceSchema = z.object({ ...bySchema.shape, withoutPass: z.boolean().optional() });
export const approveSchema = z.object({ ...bySchema.shape, stage: id.optional() });
export const rollbackSchema = z.object({
  ...bySchema.shape,
  policy: z.enum(['finish', 'migrate', 'cut'], { error: 'policy is finish, migrate or cut' }).optional(),
});

/** Which dead letters: of a rollout, one by its id, or all of them. */
export const deadLettersSchema = z.object({
  ...bySchema.shape,
  rollout: id.optional(),
  id: z.string().min(1).max(1_000).optional(),
});

export const testNoticeSchema = z.object({ ...bySchema.shape, target: id });

export const eventsQuerySchema = z.object({
  /** Only of this rollout. */
  rollout: id.optional(),
  /** Sequence of the last event that is known; absent: from now on. */
  after: z.coerce.number().int().nonnegative().optional(),
});

export const decideSchema = z.object({ flag: id, context: z.record(z.string(), z.unknown()).default({}) });

export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}
export const errorAnswerSchema = z.object({
  code: z.string(),
  message: z.string(),
  detail: z.record(z.string(), z.unknown()).optional(),
});

/** The value as the schema has it, or MESSAGE_INVALID naming the first wrong place. */
export function parseMessage<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.map(String).join('.')}`;
  throw new CrossfadeError('MESSAGE_INVALID', `Expected ${what}; ${issue?.message ?? 'it is not'}${at}.`, {
    detail: { path: issue?.path.map(String).join('.') ?? '' },
  });
}

export interface RecordBatch {
  readonly gateway?: string | undefined;
  /** In order. */
  readonly records: readonly SessionRecord[];
}

export function parseRecords(value: unknown): RecordBatch {
  const what = `{"gateway": "...", "records": [...]} with at most ${recordBatchMax} session records`;
  // The schema checks every field the judge reads; loose objects carry the rest through unchanged.
  return parseMessage(recordsSchema, value, what) as unknown as RecordBatch;
}

/** The signals of one batch, in order. */
export function parseSignals(value: unknown): readonly SessionSignal[] {
  const { signals } = parseMessage(
    signalsSchema,
    value,
    `{"signals": [...]} with at most ${signalBatchMax} session signals`,
  );
  return signals as unknown as readonly SessionSignal[];
}

/** JSON text as a value, or MESSAGE_INVALID. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CrossfadeError('MESSAGE_INVALID', `Expected ${what} as JSON, got text that is not JSON.`, {
      cause,
    });
  }
}
