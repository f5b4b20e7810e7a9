import { systemClock } from '@crossfade/sdk/core/clock';
import type { Logger } from 'pino';
import { createNoticeSender } from '../../notify/notice-sender.ts';
import { startControlPlane } from '../../server/control-plane.ts';
import { openSqliteRolloutStore } from '../../store/sqlite/events.ts';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import { dataPaths } from '../data-folder.ts';
import type { RunningChild } from './child-main.ts';
import type { ChildSettings } from './messages.ts';

/** The control plane's process: rollouts, the loop that judges them, and the command endpoint. */
export async function startControlPlaneProcess(settings: ChildSettings, log: Logger): Promise<RunningChild> {
  const paths = dataPaths(settings.dataDir);
  // First, so that a secret that is missing is said before anything is started.
  const { targets, allowPrivateHosts } = settings.config.notifications;
  const sender = createNoticeSender({
    targets,
    allowPrivateHosts,
    env: process.env,
    clock: systemClock,
    log,
  });
  const store = await openSqliteRolloutStore({ file: paths.rollouts });
  const sessions = await openSqliteSessionStore({ file: paths.records, countsUsage: false });
  const controlPlane = await startControlPlane({
    store,
    sessions,
    dataFolder: settings.dataDir,
    port: settings.addresses.controlPort,
    clock: systemClock,
    log,
    sender,
    noticeTargets: targets,
    timeScale: settings.bakeClockSpeed,
  });
  return {
    port: controlPlane.port,
    close: async () => {
      await controlPlane.close();
      await store.close();
      await sessions.close();
    },
  };
}
