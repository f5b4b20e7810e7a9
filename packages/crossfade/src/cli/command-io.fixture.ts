import type { CommandIo } from './command-io.ts';
import { runCommandLine } from './program.ts';

/** What a command line wrote and answered. */
export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

/** Runs a command line in this process. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  let code = 0;
  const io: CommandIo = {
    env,
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    exit: (given) => (code = given),
  };
  await runCommandLine(argv, io);
  return { out: out.join('\n'), err: err.join('\n'), code };
}
