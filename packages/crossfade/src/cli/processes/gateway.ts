import { getRequestListener } from '@hono/node-server';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { parseDurationMs } from '@crossfade/sdk/core/units';
import { systemIds } from '@crossfade/sdk/core/ids';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import type { EvaluationResult, Flag } from '@crossfade/sdk/flags/ruleset';
import type { Logger } from 'pino';
import { ControlLink } from '../../gateway/control-link.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import type { GatewayLimits } from '../../gateway/limits.ts';
import { StoreUpkeep } from '../../gateway/store-upkeep.ts';
import type { Upstream } from '../../gateway/upstream.ts';
import { engineNames } from '../../engines/registry.ts';
import { openJournal } from '../../journal/file-journal.ts';
import type { Retention } from '../../journal/retention.ts';
import type { Journal } from '../../journal/journal.ts';
import { nodeFs } from '../../journal/journal-fs.ts';
import { withSyncLog } from '../../journal/sync-log.ts';
import { readControlAddress } from '../../server/control-client.ts';
import { createGatewayApp } from '../../server/gateway-app.ts';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import type { SessionStore } from '../../store/store.ts';
import { dataPaths } from '../data-folder.ts';
import type { SystemConfig } from '../system-config.ts';
import { defectiveFs, defectiveJournal, journalTimes, repeatsOf } from './gateway-defects.ts';
import type { RunningChild } from './child-main.ts';
import type { Addresses, ChildSettings } from './messages.ts';

/** One gateway a system, for now; its name at the control plane. */
const gatewayId = 'gateway-1';

/** The gateway's process: its journal and store, the evaluator that decides, and the link that feeds it. */
export async function startGatewayProcess(settings: ChildSettings, log: Logger): Promise<RunningChild> {
  const { config, addresses, dataDir } = settings;
  const paths = dataPaths(dataDir);
  const keys = keysFrom(config.gateway.keysFromEnv, process.env);
  const upstreams = upstreamsOf(config, addresses, process.env);
  const { token } = await readControlAddress(dataDir);
  const sessions = await openSqliteSessionStore({ file: paths.sessions });
  const { defect } = config.gateway;
  const journal = await journalOf(settings, log);
  const evaluator = new Evaluator({ clock: systemClock });
  const link = new ControlLink({
    url: `http://127.0.0.1:${addresses.controlPort}`,
    token,
    gatewayId,
    upstreams: upstreams.map(({ name }) => name),
    evaluator,
    sessions,
    cacheFile: paths.ruleset,
    clock: systemClock,
    log: (level, message, detail) => log[level](detail ?? {}, message),
  });
  let gateway: Gateway | null = null;
  const app = createGatewayApp({
    gateway: () => gateway,
    sessions,
    eraseAudio: (sessionId) => eraseAudio(journal, sessionId),
    keys,
    log,
    ruleset: () => ({ revision: evaluator.revision, ageMs: evaluator.ageMs }),
  });
  // Before the first client: a known ruleset decides from the first session on.
  await link.start();
  const listener = getRequestListener(app.fetch);
  const started = await startGateway({
    host: config.gateway.host,
    port: addresses.gatewayPort,
    flag: config.flag,
    upstreams,
    controlUpstream: config.control ?? (upstreams[0] as Upstream).name,
    controlOf: (decision) => controlOf(evaluator.ruleset?.flags[config.flag], decision),
    journal,
    sessions,
    evaluator,
    clock: systemClock,
    ids: systemIds,
    log,
    limits: limitsOf(config),
    keys,
    http: (request, response) => void listener(request, response),
    onDrainReport: (drainId, progress) => link.reportDrain(drainId, progress),
    ...repeatsOf(defect),
    onRecord: () => link.recordStored(),
    onSignal: (signal) => link.signal(signal),
  });
  gateway = started;
  link.onRuleset((ruleset) => started.applyDrains(ruleset.drains ?? []));
  const upkeep = upkeepOf(config, sessions, log);
  upkeep.start();
  return {
    port: started.port,
    close: async () => {
      await started.close();
      await link.close();
      await upkeep.close();
      await journal.close();
      await sessions.close();
    },
  };
}

/** How long and how much audio of sessions that are over is kept. */
function retentionOf({ gateway: { keepAudio, keepAudioMb } }: SystemConfig): Retention {
  const maxAgeMs = parseDurationMs(keepAudio);
  return keepAudioMb === undefined ? { maxAgeMs } : { maxAgeMs, maxBytes: keepAudioMb * 1_048_576 };
}

/** What takes old sessions out of the gateway's store. */
function upkeepOf({ gateway }: SystemConfig, sessions: SessionStore, log: Logger): StoreUpkeep {
  const keepMs = parseDurationMs(gateway.keepSessions);
  return new StoreUpkeep({ sessions, keepMs, clock: systemClock, log });
}

/** False: the journal has none of this session. */
export async function eraseAudio(journal: Journal, sessionId: string): Promise<boolean> {
  if (journal.session(sessionId) === undefined) return false;
  await journal.eraseSession(sessionId);
  return true;
}

/** The limits that a configuration may set. */
function limitsOf({ gateway }: SystemConfig): Partial<GatewayLimits> {
  const { sessionsMax, connectionsPerAddressMax, connectsPerSecondMax } = gateway;
  return { sessionsMax, connectionsPerAddressMax, connectsPerSecondMax };
}

/** The gateway's journal, with the fault it may have been given. */
async function journalOf({ config, dataDir }: ChildSettings, log: Logger): Promise<Journal> {
  const { journal: folder, journalSyncs } = dataPaths(dataDir);
  const { defect, syncLog } = config.gateway;
  const journal = await openJournal({
    folder,
    clock: systemClock,
    log,
    fs: defectiveFs(syncLog ? withSyncLog(nodeFs, journalSyncs) : nodeFs, defect),
    ...journalTimes(defect),
    retention: retentionOf(config),
  });
  return defectiveJournal(journal, defect);
}

/** The upstream that the control variant of a decision's rollout names. */
export function controlOf(flag: Flag | undefined, { rollout }: EvaluationResult): string | undefined {
  const value = rollout === undefined ? undefined : flag?.variants[rollout.controlVariant];
  return typeof value === 'string' ? value : undefined;
}

/** Every address the gateway may route to: the system's own pipelines, started or not yet, and outside ones. */
export function upstreamsOf(
  config: SystemConfig,
  addresses: Addresses,
  env: NodeJS.ProcessEnv,
): readonly Upstream[] {
  const own = config.pipelines.map(({ name, engines = engineNames }) => ({
    name,
    url: `ws://127.0.0.1:${addresses.pipelinePorts[name]}/v1/listen`,
    models: engines,
  }));
  const outside = config.upstreams.map(({ name, url, keyFromEnv, tiles, query, headers = {} }) => ({
    name,
    url: new URL(url).pathname === '/' ? new URL('/v1/listen', url).href : url,
    tiles,
    ...(query === undefined ? {} : { query }),
    headers: {
      ...headers,
      ...(keyFromEnv === undefined ? {} : { Authorization: `Token ${fromEnv(keyFromEnv, env)}` }),
    },
  }));
  return [...own, ...outside];
}

/** The comma-separated keys of an environment variable; none without one. */
export function keysFrom(name: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  if (name === undefined) return [];
  return fromEnv(name, env)
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
}

function fromEnv(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (value !== undefined && value.trim() !== '') return value.trim();
  throw new CrossfadeError('CONFIG_INVALID', `Expected a key in the environment variable ${name}, got none.`);
}
