import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

/** The checkout, so that a script works from any folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

export interface CommandResult {
  readonly exitCode: number;
  readonly seconds: number;
  /** stdout and stderr as they came; empty when they were shown as they came. */
  readonly output: string;
  readonly stdout: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Kept: for the caller to read. Shown: on the terminal as it comes. Both: stdout is kept and shown. */
  readonly output: 'kept' | 'shown' | 'both';
  /** Ends the command; its exit code is then 124, as timeout(1) has it. */
  readonly limitMs: number;
}

/** Longest output kept of one command; a runaway one must not eat the memory. */
const outputMaxChars = 16_000_000;

/** Runs a program of node_modules/.bin (or `node`) in the checkout. Never rejects: what cannot start has exit code 127. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const startMs = performance.now();
  const path = program === 'node' ? process.execPath : `${root}node_modules/.bin/${program}`;
  const child = spawn(path, args, {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: [
      'ignore',
      options.output === 'shown' ? 'inherit' : 'pipe',
      options.output === 'kept' ? 'pipe' : 'inherit',
    ],
  });
  let output = '';
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    if (stdout.length < outputMaxChars) stdout += chunk;
    if (output.length < outputMaxChars) output += chunk;
    if (options.output === 'both') process.stdout.write(chunk);
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    if (output.length < outputMaxChars) output += chunk;
  });
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    child.kill('SIGKILL');
  }, options.limitMs);
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      output += `${path}: ${error.message}\n`;
      resolve(127);
    });
    child.once('close', (code) => resolve(isOver ? 124 : (code ?? 1)));
  });
  clearTimeout(timer);
  return { exitCode, seconds: (performance.now() - startMs) / 1_000, output, stdout };
}
