import { join } from 'node:path';
import { pino, type Logger } from 'pino';

/** Fields that could hold what somebody said, or a secret; they never reach a log, whoever passes them. */
const neverLogged = ['transcript', 'text', 'words', 'audio', 'token', 'key', 'authorization', 'targetingKey'];

/** Marks a child's line for the terminal; the supervisor shows such lines to the person and logs nothing else. */
export const warningMark = 'warning: ';

/**
 * A process's log: JSON lines in `<data>/logs/<name>.log`, flushed on every line, so that a killed process
 * leaves its last words. What is worth a person's attention also goes to stderr as a plain sentence.
 */
export function openLog(logsDir: string, name: string): Logger {
  const redact = { paths: neverLogged.flatMap((field) => [field, `*.${field}`]), censor: '[removed]' };
  const file = pino.destination({ dest: join(logsDir, `${name}.log`), mkdir: true, sync: true });
  return pino({ name, redact, base: { name, pid: process.pid }, hooks: { logMethod } }, file);
}

const warnLevel = 40;

/** Repeats warnings and errors on stderr, in words alone. */
function logMethod(
  this: Logger,
  args: Parameters<Logger['info']>,
  method: (...args: Parameters<Logger['info']>) => void,
  level: number,
): void {
  if (level >= warnLevel) {
    const sentence = [...args].find((arg) => typeof arg === 'string');
    if (sentence !== undefined) process.stderr.write(`${warningMark}${String(sentence).split('\n')[0]}\n`);
  }
  method.apply(this, args);
}
