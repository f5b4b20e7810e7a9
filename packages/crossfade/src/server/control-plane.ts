import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { systemIds } from '@crossfade/sdk/core/ids';
import type { Log } from '@crossfade/sdk/core/log';
import { readControlHistory } from '../controller/control-history.ts';
import { DeadLetters } from '../controller/dead-letters.ts';
import { EvaluatorRegistry } from '../controller/evaluator-registry.ts';
import { ControlLoop } from '../controller/loop.ts';
import { logSender } from '../controller/log-sender.ts';
import type { NoticeTarget } from '../controller/notice-routes.ts';
import { Notifier, type NoticeSender } from '../controller/notifier.ts';
import { ProcessSamples } from '../controller/process-samples.ts';
import { RolloutManager } from '../controller/rollout-manager.ts';
import { settleRollbacks } from '../controller/settle-rollbacks.ts';
import { TestNotices } from '../controller/test-notice.ts';
import { Upkeep } from '../controller/upkeep.ts';
import type { RolloutStore, SessionStore } from '../store/store.ts';
import { startControlServer } from './control-server.ts';

export interface ControlPlaneOptions {
  readonly store: RolloutStore;
  /** The control plane's own copy of session records. */
  readonly sessions: SessionStore;
  /** Holds the token, and while it runs the address. */
  readonly dataFolder: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Where notifications go; into the log when absent. */
  readonly sender?: NoticeSender;
  /** Who is told of every rollout; the sender knows them by name. */
  readonly noticeTargets?: readonly NoticeTarget[];
  readonly tickMs?: number;
  readonly timeScale?: number;
}

export interface ControlPlane {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly manager: RolloutManager;
  /** Stops the loop and the server. The stores stay the caller's to close. */
  close(): Promise<void>;
}

/** How long an evaluator that is cut off may serve a candidate, ms; then it is no witness any more. */
const leaseMs = 60_000;

/** The whole control plane in this process: manager, loop, notifications and HTTP server. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { store, sessions, clock, log } = options;
  const evaluators = new EvaluatorRegistry({ clock, leaseMs });
  const noticeTargets = options.noticeTargets ?? [];
  const manager = await RolloutManager.open({
    store,
    clock,
    witnesses: () => evaluators.witnesses(),
    history: (plan, nowMs) => readControlHistory({ sessions, log, breathe: nextTurn }, plan, nowMs),
    noticeTargets,
  });
  const processes = new ProcessSamples(systemIds);
  const sender = options.sender ?? logSender(log);
  const notifier = new Notifier({ store, sender, clock, log, targets: noticeTargets });
  const loop = new ControlLoop({
    manager,
    sessions,
    clock,
    log,
    evaluators,
    notifier,
    upkeep: new Upkeep({ store, sessions, clock }),
    processes: (process, sinceMs) => processes.blocks(process, sinceMs),
    ...(options.tickMs === undefined ? {} : { tickMs: options.tickMs }),
    ...(options.timeScale === undefined ? {} : { timeScale: options.timeScale }),
  });
  const settle = (): void => {
    settleRollbacks(manager, evaluators).catch((error: unknown) =>
      log.error({ error: messageOf(error) }, 'a rollback could not be settled; the loop tries again'),
    );
  };
  const { dataFolder, port } = options;
  const deadLetters = new DeadLetters({ store, log, wake: () => notifier.wake() });
  const server = await startControlServer({
    manager,
    sessions,
    evaluators,
    processes,
    deadLetters,
    testNotices: new TestNotices({ notifier, targets: noticeTargets, clock, ids: systemIds, log }),
    // Before the first look of this process the log has the last one that was news.
    comparison: async (name) =>
      loop.comparison(name) ?? (await manager.explainVerdict(name))?.replayed ?? null,
    clock,
    log,
    dataFolder,
    port,
    onAnswer: settle,
  });
  loop.start();
  return {
    url: server.url,
    port: server.port,
    token: server.token,
    manager,
    async close() {
      await server.close();
      await loop.stop();
      await notifier.stop();
      await manager.close();
    },
  };
}
