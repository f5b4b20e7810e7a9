import { mkdir } from 'node:fs/promises';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Logger } from 'pino';
import { dataPaths } from '../data-folder.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { sentenceOf } from '../sentence.ts';
import { openLog } from './log.ts';
import type { ChildKind, ChildSettings, FromChild, ToChild } from './messages.ts';

/** A process's work while it runs. */
export interface RunningChild {
  readonly port: number;
  close(): Promise<void>;
}

export type StartChild = (settings: ChildSettings, log: Logger) => Promise<RunningChild>;

/** The supervisor sends the settings with the fork; without them by then it is gone. */
const settingsLimitMs = 10_000;
/** An orderly end that takes longer is cut; the journal loses nothing by it. */
const closeLimitMs = 8_000;

/**
 * The life of a child process: settings in, `ready` out, work until it is asked to stop. It ends with its
 * supervisor: when the channel between them closes, it closes too. Ctrl-C in a terminal reaches every
 * process of the group, so SIGINT is left to the supervisor.
 */
export async function runChild(kind: ChildKind, start: StartChild): Promise<void> {
  if (process.send === undefined) {
    throw new CrossfadeError(
      'USAGE',
      `"crossfade process ${kind}" is started by "crossfade up", not by hand.`,
    );
  }
  process.on('SIGINT', () => undefined);
  const settings = await receiveSettings();
  const { logs } = dataPaths(settings.dataDir);
  await mkdir(logs, { recursive: true });
  const log = openLog(logs, settings.pipeline ?? kind);
  dieLoudly(log);
  try {
    const running = await start(settings, log);
    log.info({ port: running.port }, 'ready');
    endInOrder(running, log);
    tell({ type: 'ready', port: running.port });
  } catch (error) {
    log.fatal({ err: error }, 'could not start');
    const code = error instanceof CrossfadeError ? error.code : 'INTERNAL';
    tell({ type: 'failed', code, message: sentenceOf(error) }, () => process.exit(exitCodeOf(error)));
  }
}

function receiveSettings(): Promise<ChildSettings> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(settingsLimitMs, () =>
      reject(new CrossfadeError('TIMEOUT', 'Expected settings from the supervisor, got none.')),
    );
    process.once('disconnect', () => process.exit(exitCode.couldNotRun));
    const receive = (message: ToChild): void => {
      if (message.type !== 'start') return;
      process.off('message', receive);
      cancel();
      resolve(message.settings);
    };
    process.on('message', receive);
  });
}

function endInOrder(running: RunningChild, log: Logger): void {
  let ending = false;
  const end = (why: string): void => {
    if (ending) return;
    ending = true;
    log.info({ why }, 'stopping');
    systemClock.after(closeLimitMs, () => {
      log.warn('expected an orderly end in time, got none; ending at once');
      process.exit(exitCode.failed);
    });
    void running.close().then(
      () => process.exit(exitCode.ok),
      (error: unknown) => {
        log.error({ err: error }, `could not stop in order: ${messageOf(error)}`);
        process.exit(exitCode.failed);
      },
    );
  };
  process.removeAllListeners('disconnect');
  process.on('disconnect', () => end('the supervisor is gone'));
  process.on('message', (message: ToChild) => message.type === 'stop' && end('asked to'));
  process.on('SIGTERM', () => end('SIGTERM'));
}

/** An unforeseen error ends this process, and it alone: the supervisor starts it again. */
function dieLoudly(log: Logger): void {
  const die = (error: unknown): void => {
    log.fatal({ err: error }, `unexpected: ${messageOf(error)}`);
    process.exit(exitCode.failed);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

function tell(message: FromChild, sent: () => void = () => undefined): void {
  if (process.connected === true && process.send !== undefined)
    process.send(message, undefined, undefined, sent);
  else sent();
}
