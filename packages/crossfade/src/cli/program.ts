import { Command, CommanderError } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { type CommandIo, complain } from './command-io.ts';
import { addAccept } from './commands/accept.ts';
import { addAudience } from './commands/audience.ts';
import { addAudit } from './commands/audit.ts';
import { addCompare, addExplain } from './commands/compare.ts';
import { addDemo } from './commands/demo.ts';
import { addDrill } from './commands/drill.ts';
import { addEngines } from './commands/engines.ts';
import { addJournal } from './commands/journal.ts';
import { addNotices } from './commands/notices.ts';
import { addPlan } from './commands/plan.ts';
import { addProcess } from './commands/process.ts';
import { addRollout } from './commands/rollout.ts';
import { addSession } from './commands/session.ts';
import { addSimulate } from './commands/simulate.ts';
import { addUp } from './commands/up.ts';
import { exitCode } from './exit-code.ts';
import { version } from './version.ts';

/** Runs one command line; never throws. What it answered is in what `io` was told. */
export async function runCommandLine(argv: readonly string[], io: CommandIo): Promise<void> {
  const program = buildProgram(io);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    complain(io, argv.includes('--json'), asUsage(error, commandIn(program, argv)));
    // There 1 and 2 are verdicts on a target; nothing that was asked wrongly may look like one.
    if (argv[0] === 'accept') io.exit(exitCode.couldNotRun);
  }
}

function buildProgram(io: CommandIo): Command {
  const program = new Command('crossfade')
    .description('Ships a new real-time transcription pipeline to production without losing a word.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      // Said by `complain`, in the form of every other error.
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      `
Examples:
  crossfade demo                              see the whole thing in under four minutes
  crossfade up                                start gateway, control plane and two pipelines here
  crossfade rollout apply examples/plan.yaml  make a rollout in the running system
  crossfade rollout status                    where it stands, and why

Exit codes: ${exitCode.ok} done, ${exitCode.failed} the thing failed, ${exitCode.badInput} wrong words or a wrong file, ${exitCode.couldNotRun} could not run.`,
    );
  for (const add of [
    addDemo,
    addAccept,
    addUp,
    addDrill,
    addEngines,
    addPlan,
    addAudience,
    addAudit,
    addSimulate,
    addRollout,
    addCompare,
    addExplain,
    addNotices,
    addSession,
    addJournal,
    addProcess,
  ])
    add(program, io);
  return program;
}

/** The command that was meant, as far as the words name one: `rollout waive`. */
function commandIn(program: Command, argv: readonly string[]): string {
  const names: string[] = [];
  let at = program;
  for (const word of argv) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    names.push(`${word} `);
    at = next;
  }
  return names.join('');
}

function asUsage(error: unknown, command: string): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.code === 'commander.help') {
    return new CrossfadeError('USAGE', 'Expected a command, got none. The list is above.');
  }
  const text = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return new CrossfadeError('USAGE', `${sentence.replace(/[.]?$/, '.')} See: crossfade ${command}--help`);
}
