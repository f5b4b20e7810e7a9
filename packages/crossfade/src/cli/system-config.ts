import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { parseDurationMs } from '@crossfade/sdk/core/units';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { engineNames } from '../engines/registry.ts';
import { defectNames } from '../pipelines/defects.ts';
import { gatewayDefectNames } from './processes/gateway-defects.ts';
import { noticeKinds, webhookFormats } from '../rollout/plan.ts';
import { problemsOf } from './config-problem.ts';
import { referenceBuild } from './version.ts';

/** Most pipelines and outside upstreams of one system; each pipeline is a process. */
const upstreamsMax = 16;

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'expected small letters, digits, "." and "-", at most 63');
const port = z.int().min(0).max(65_535);
const environmentName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

const pipelineSchema = z.strictObject({
  name,
  kind: z.enum(['legacy', 'streaming']),
  /** What the pipeline says of itself; a rollback is final for a build. */
  build: z.string().min(1).max(100),
  /** Absent: every engine that runs on this machine. The first is used when a client names none. */
  engines: z.array(z.enum(engineNames)).min(1).optional(),
  /** Memory that the process and its engines may take; beyond it the pipeline is replaced. */
  memoryMaxMb: z.int().min(64).max(1_048_576).default(4_096),
  /** A fault on purpose, to see that it is found. */
  defect: z
    .strictObject({
      name: z.enum(defectNames),
      seed: z.int().min(0).default(1),
      /** Of the finals concerned, 0 to 1. */
      share: z.number().min(0).max(1).default(0.3),
    })
    .optional(),
  /** False: `up` knows it, but it is started later (the demo's second candidate). */
  autostart: z.boolean().default(true),
});

const duration = z.string().refine(isDuration, 'expected a duration such as 7d, 48h or 90m');

function isDuration(text: string): boolean {
  try {
    return parseDurationMs(text) > 0;
  } catch {
    return false;
  }
}

const outsideUpstreamSchema = z.strictObject({
  name,
  url: z.string().regex(/^wss?:\/\/[^\s]+$/, 'expected a ws:// or wss:// address'),
  /** The key itself never stands in a file. */
  keyFromEnv: environmentName.optional(),
  /** Sent with every handshake; a key belongs in `keyFromEnv`. */
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), z.string().max(1_000)).optional(),
  /** Replaces parameters of the client's query: a vendor's model names are not ours. */
  query: z.record(z.string(), z.string()).optional(),
  /** False for a server whose finals leave out silence. */
  tiles: z.boolean().default(true),
});

/** Told of every rollout; a plan may name one for kinds beside `on`. */
const notifyTargetsMax = 32;

const kindsOf = z.array(z.enum(noticeKinds)).default([...noticeKinds]);
const hook = {
  format: z.enum(webhookFormats).default('standard'),
  secretFromEnv: environmentName.optional(),
};
const notifyTargetSchema = z.union(
  [
    z.strictObject({ name, webhook: z.url({ protocol: /^https?$/ }).max(2_000), ...hook, on: kindsOf }),
    /** For addresses that are a secret themselves, as Slack's are. */
    z.strictObject({ name, webhookFromEnv: environmentName, ...hook, on: kindsOf }),
    z.strictObject({
      name,
      /** Program and arguments; no shell. The notice comes on its standard input. */
      command: z
        .tuple([z.string().min(1).max(4_096)], z.string().max(4_096))
        .refine(({ length }) => length <= 64),
      env: z.array(environmentName).max(32).default([]),
      on: kindsOf,
    }),
  ],
  { error: 'expected a name with webhook, webhookFromEnv or command' },
);

const systemConfigSchema = z
  .strictObject({
    flag: name.default('transcription'),
    gateway: z
      .strictObject({
        host: z.string().min(1).default('127.0.0.1'),
        port: port.default(8_770),
        /** Clients must then present one of these; without any, everybody who reaches the port may speak. */
        keysFromEnv: environmentName.optional(),
        sessionsMax: z.int().min(1).max(100_000).default(1_000),
        /** High: behind a proxy everybody has one address. */
        connectionsPerAddressMax: z.int().min(1).max(1_000_000).default(4_000),
        connectsPerSecondMax: z.int().min(1).max(1_000_000).default(500),
        /** Audio of sessions that are over is removed after this long. */
        keepAudio: duration.default('7d'),
        /** And no more of it than this, the oldest first; absent: no limit but the time. */
        keepAudioMb: z.int().min(128).optional(),
        /** Transcripts and records of sessions are removed this long after their end; as long as the control plane's copy. */
        keepSessions: duration.default('90d'),
        /** Writes down how far the journal was synced, so that a test knows what a power cut would leave. */
        syncLog: z.boolean().default(false),
        /** A fault on purpose, to see that it is found. */
        defect: z
          .strictObject({
            name: z.enum(gatewayDefectNames),
            seed: z.int().min(0).default(1),
            share: z.number().min(0).max(1).default(0.15),
            ms: z.number().min(1).max(60_000).default(3_000),
          })
          .optional(),
      })
      .prefault({}),
    controlPlane: z.strictObject({ port: port.default(0) }).prefault({}),
    notifications: z
      .strictObject({
        targets: z.array(notifyTargetSchema).max(notifyTargetsMax).default([]),
        /** Webhooks reach no private, loopback or link-local address but of these hosts. */
        allowPrivateHosts: z.array(z.string().min(1).max(253)).max(100).default([]),
      })
      .prefault({}),
    pipelines: z.array(pipelineSchema).max(upstreamsMax).default([]),
    upstreams: z.array(outsideUpstreamSchema).max(upstreamsMax).default([]),
    /** The upstream that serves when no rollout says otherwise; the first one when absent. */
    control: name.optional(),
  })
  .superRefine((config, context) => {
    const targets = config.notifications.targets.map((target) => target.name);
    const targetTwice = targets.find((each, index) => targets.indexOf(each) !== index);
    if (targetTwice !== undefined)
      context.addIssue({
        code: 'custom',
        message: `"${targetTwice}" is named twice`,
        path: ['notifications', 'targets'],
      });
    const names = [...config.pipelines, ...config.upstreams].map((upstream) => upstream.name);
    const twice = names.find((each, index) => names.indexOf(each) !== index);
    if (twice !== undefined)
      context.addIssue({ code: 'custom', message: `"${twice}" is named twice`, path: ['pipelines'] });
    if (names.length === 0)
      context.addIssue({ code: 'custom', message: 'expected at least one', path: ['pipelines'] });
    if (config.control !== undefined && !names.includes(config.control)) {
      const message = `expected one of ${names.join(', ')}, got "${config.control}"`;
      context.addIssue({ code: 'custom', message, path: ['control'] });
    }
  });

/** One system: its gateway, its control plane, its pipelines and the outside ones it may route to. */
export type SystemConfig = z.infer<typeof systemConfigSchema>;
export type PipelineConfig = SystemConfig['pipelines'][number];

/** What `crossfade up` starts when it is given no file. */
export const defaultSystemConfig: SystemConfig = systemConfigSchema.parse({
  pipelines: [
    { name: 'legacy', kind: 'legacy', build: referenceBuild('legacy') },
    { name: 'streaming', kind: 'streaming', build: referenceBuild('streaming') },
  ],
});

/** Problems that are shown at once; the rest shows when these are mended. */
const problemsShown = 5;

/** Reads a configuration from YAML or JSON text; CONFIG_INVALID names the place and what was expected there. */
export function parseSystemConfig(text: string, file: string): SystemConfig {
  const document = parseDocument(text, { uniqueKeys: true });
  const broken = document.errors[0];
  if (broken !== undefined) {
    throw new CrossfadeError(
      'CONFIG_INVALID',
      `Expected YAML in ${file}, got: ${firstLine(broken.message)} Mend the line; examples/crossfade.yaml shows the form.`,
    );
  }
  const parsed = systemConfigSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {}, {
    reportInput: true,
  });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(problemsOf);
  const rest = problems.length > problemsShown ? ` (and ${problems.length - problemsShown} more)` : '';
  throw new CrossfadeError(
    'CONFIG_INVALID',
    `${file}: ${problems.slice(0, problemsShown).join('; ')}${rest}. Mend it; examples/crossfade.yaml explains every key.`,
    {
      detail: { problems },
    },
  );
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/:$/, '.');
}
