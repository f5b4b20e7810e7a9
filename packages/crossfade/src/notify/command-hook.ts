import { spawn } from 'node:child_process';
import type { Notice } from '../controller/notice.ts';
import { Undeliverable } from '../controller/notifier.ts';
import type { CommandTarget, Environment } from './target.ts';
import { messageId, webhookBody } from './webhook-body.ts';

/** Characters of the program's complaint that are kept; the rest is read and thrown away. */
const complaintCharsMax = 200;

/** There is no such program: another try has the same end. A machine that is short of something is tried again. */
const neverStarts: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);

/** What every program may know of its surroundings. */
const alwaysPassed = ['PATH', 'HOME', 'LANG'] as const;

/**
 * Starts the program with the notice on its standard input. No shell is involved, and nothing of a notice is on the
 * command line. Resolves when it ended with 0; when the signal aborts, it and what it started are killed.
 */
export function runCommandHook(
  notice: Notice,
  { command, env: names }: CommandTarget,
  env: Environment,
  signal: AbortSignal,
): Promise<string> {
  const [program, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      shell: false,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...pick(env, [...alwaysPassed, ...names]), CROSSFADE_NOTICE_ID: messageId(notice) },
      // A group of its own, so that what it starts is killed with it.
      detached: true,
    });
    let complaint = '';
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    };
    signal.addEventListener('abort', kill, { once: true });
    // First of all: without a descriptor to spare there is a child without pipes, and its error comes later.
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', kill);
      const message = `Expected to start ${program}, got: ${error.message}.`;
      reject(neverStarts.has(error.code ?? '') ? new Undeliverable(message) : new Error(message));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (complaint.length < complaintCharsMax) complaint = (complaint + text).slice(0, complaintCharsMax);
    });
    child.once('exit', (code, killedBy) => {
      signal.removeEventListener('abort', kill);
      // Something it left behind may hold the other end open.
      child.stderr?.destroy();
      if (code === 0) return resolve('ended with 0');
      const said = complaint.trim().replaceAll(/\s+/g, ' ');
      reject(
        new Error(
          `Expected ${program} to end with 0, got ${code ?? killedBy ?? 'nothing'}${said === '' ? '' : `: ${said}`}.`,
        ),
      );
    });
    // A program that does not read is no failure: its exit code says whether it worked.
    child.stdin?.on('error', () => {});
    child.stdin?.end(webhookBody(notice));
  });
}

function pick(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
  );
}
