import { processIo } from './command-io.ts';
import { runCommandLine } from './program.ts';

await runCommandLine(process.argv.slice(2), processIo);
