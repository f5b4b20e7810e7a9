import { spawn } from 'node:child_process';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';

/** The index of a distribution (10 MB) and the packages (30 MB) over a slow line. */
export const aptLimitMs = 15 * 60_000;
/** Enough of a program's last words to name the cause; more is never kept. */
const maxOutputChars = 64 * 1024;

/**
 * Private lists and caches; hooks of the system (cleaning its cache, telling its desktop) do not run, while its
 * sources, keys and proxies hold. The sandbox user could not enter a home folder.
 */
export function aptConfig(work: string): string {
  const cleared = ['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map(
    (hook) => `#clear APT::Update::${hook};`,
  );
  return [
    ...cleared,
    `Dir::State::Lists "${work}/lists";`,
    `Dir::Cache "${work}/cache";`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'APT::Sandbox::User "";',
    'APT::Status-Fd "3";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    '',
  ].join('\n');
}

/** How a program ended, and its last words. */
export interface RunResult {
  readonly exitCode: number | null;
  readonly output: string;
}
/** A limit for every wait; `signal` cancels; `onShare` hears of progress, 0 to 1. */
export interface RunOptions {
  readonly limitMs: number;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  readonly onShare?: (share: number, message: string) => void;
}

/** Runs one program to its end. A program that is not there is an error; its own failure is the caller's to read. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const limit = AbortSignal.timeout(options.limitMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    signal,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-maxOutputChars);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.stdio[3]?.on('data', (chunk: Buffer) => {
    // dlstatus:1:20.5:Retrieving file 1 of 8 (4s remaining)
    const last = [...chunk.toString().matchAll(/^dlstatus:[^:]*:([\d.]+):(.*)$/gm)].at(-1);
    if (last !== undefined) options.onShare?.(Number(last[1]) / 100, last[2] as string);
  });
  const result = await new Promise<RunResult>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawn(program, error, options)));
    child.once('close', (exitCode) => resolve({ exitCode, output }));
  });
  if (result.exitCode !== 0 && program.endsWith('dpkg-deb')) {
    throw missing(
      `Expected dpkg-deb to unpack, got: ${lastLine(output)}. Check the free space and try again.`,
    );
  }
  return result;
}

function explainSpawn(
  program: string,
  error: Error & { code?: string },
  options: RunOptions,
): CrossfadeError {
  if (error.code === 'ENOENT') {
    return missing(`Expected ${program} (a Debian or Ubuntu system), found none.`, error);
  }
  if (error.name !== 'AbortError') return missing(`Could not run ${program}: ${messageOf(error)}.`, error);
  if (options.signal?.aborted === true)
    return missing('Fetching was cancelled; run it again to go on.', error);
  const limitMin = Math.round(options.limitMs / 60_000);
  return missing(
    `Expected ${program} to end within ${limitMin} min, and it did not. Run it again to go on.`,
    error,
  );
}

/** Apt's many words in one sentence with a remedy. */
export function explainApt(output: string): CrossfadeError {
  if (
    /resolv|could not connect|unable to connect|network is unreachable|timed out|connection (failed|refused)/i.test(
      output,
    )
  ) {
    return missing(
      "Expected the distribution's package server, could not reach it. Check the network or proxy.",
    );
  }
  const unknown = /Unable to locate package (\S+)|Can't select candidate version from package (\S+)/.exec(
    output,
  );
  if (unknown !== null) {
    const name = unknown[1] ?? unknown[2];
    return missing(
      `Expected package ${name}, this system's sources do not have it. Enable "main" or "universe".`,
    );
  }
  if (/no space left/i.test(output))
    return missing('Expected 120 MB of free space, got none left. Free some.');
  return missing(`Expected apt-get to download the packages, got: ${lastLine(output)}.`);
}

function lastLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return (lines.findLast((line) => line.startsWith('E:')) ?? lines.findLast(Boolean) ?? 'no words').replace(
    /\.$/,
    '',
  );
}

/** What is not here and what to do instead; the one error of fetching. */
export function missing(sentence: string, cause?: unknown): CrossfadeError {
  return new CrossfadeError('ENGINE_MISSING', `${sentence} Or use the tone engine (--engine tone).`, {
    cause,
  });
}
