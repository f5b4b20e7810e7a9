import { processIo } from './command-io.ts';
import { runCommandLine } from './program.ts';

const argv = process.argv.slice(2);
await runCommandLine(argv, processIo);

/**
 * These fork hundreds of processes, and Node was seen to spin for ever in its own cleanup after that. They have stopped
 * all that they started, so there is nothing to clean up. Behind what was printed, which may still be on its way.
 */
if (['drill', 'accept'].includes(argv[0] ?? '')) process.stdout.write('', () => process.exit());
