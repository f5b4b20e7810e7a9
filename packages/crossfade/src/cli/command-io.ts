import { userInfo } from 'node:os';
import { CrossfadeError, hasCode } from '@crossfade/sdk/core/errors';
import pc from 'picocolors';
import type { PlanMistake } from '../rollout/plan.ts';
import { exitCode, type ExitCode, exitCodeOf } from './exit-code.ts';
import { sentenceOf } from './sentence.ts';

/** Where a command reads from and writes to; handed in, so that a test sees every word. */
export interface CommandIo {
  readonly env: NodeJS.ProcessEnv;
  out(line: string): void;
  err(line: string): void;
  /** How the process will end; the last call counts. */
  exit(code: ExitCode): void;
}

export const processIo: CommandIo = {
  env: process.env,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  exit: (code) => void (process.exitCode = code),
};

/** What a command answers: a value for machines, and the same for people. */
export interface Answer {
  readonly json: object;
  readonly text: string;
  /** Absent: ok. */
  readonly code?: ExitCode;
}

/** With --json one object on one line, the last of stdout; else words. */
export function say(io: CommandIo, json: boolean, answer: Answer): void {
  io.out(json ? JSON.stringify(answer.json) : answer.text);
  io.exit(answer.code ?? exitCode.ok);
}

/** What every complaint begins with; red for eyes, plain in a file or a pipe, in CI too. */
export function complaint(): string {
  return pc.createColors(pc.isColorSupported && Boolean(process.stderr.isTTY)).red('crossfade:');
}

/** One sentence on stderr, the error as an object on stdout with --json, and the exit code it deserves. */
export function complain(io: CommandIo, json: boolean, error: unknown): void {
  const sentence = sentenceOf(error);
  io.err(`${complaint()} ${sentence}`);
  const mistakes = mistakesIn(error);
  for (const { path, expected, got } of mistakes.slice(1))
    io.err(`  ${path}: expected ${expected}, got ${got}`);
  if (json) {
    const code = error instanceof CrossfadeError ? error.code : 'INTERNAL';
    const more = mistakes.length === 0 ? {} : { mistakes };
    io.out(JSON.stringify({ error: { code, message: sentence, ...more } }));
  }
  if (io.env['CROSSFADE_DEBUG'] === '1' && error instanceof Error) io.err(error.stack ?? '');
  io.exit(exitCodeOf(error));
}

/** All mistakes of a plan; the first one is in its sentence. */
function mistakesIn(error: unknown): readonly PlanMistake[] {
  if (!hasCode(error, 'PLAN_INVALID')) return [];
  return (error.detail?.['mistakes'] ?? []) as readonly PlanMistake[];
}

/** Who asks, for the audit: the name given, else the user's. */
export function actorName(given: string | undefined, io: CommandIo): string {
  return given ?? io.env['USER'] ?? userName();
}

/** A process without an entry in the user database still has a name for the audit. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
