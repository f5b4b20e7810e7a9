import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { CrossfadeError, hasCode } from '@crossfade/sdk/core/errors';
import { samplesToMs } from '@crossfade/sdk/core/units';
import type {
  ExportedSession,
  ExportFormat,
  InspectedJournal,
  VerifiedJournal,
} from '../../journal/journal-tools.ts';
import { type CommandIo, say } from '../command-io.ts';
import { dataPaths, resolveDataDir } from '../data-folder.ts';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { notWritten } from '../new-file.ts';
import { journalProblem } from './journal-problem.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

/** `crossfade journal inspect|verify|export`: read-only, also beside a running gateway. */
export function addJournal(program: Command, io: CommandIo): void {
  const journal = program.command('journal').description('Look into the audio that a gateway keeps.');
  const folderOf = (options: CommonOptions): string =>
    dataPaths(resolveDataDir(options.data, io.env)).journal;

  systemLeaf(journal, 'inspect', 'Which sessions the journal holds, and how much of each.', [
    'crossfade journal inspect --data ./crossfade-data',
  ]).action(async (options: CommonOptions) => {
    const { inspectJournal } = await import('../../journal/journal-tools.ts');
    const folder = folderOf(options);
    const found = await readable(folder, () => inspectJournal(folder));
    say(io, options.json === true, { json: found, text: inspectText(found) });
  });

  systemLeaf(
    journal,
    'verify',
    'Read every record and check its checksum. Exit code 1: a block is damaged, 3: a file could not be read.',
    ['crossfade journal verify --json'],
  ).action(async (options: CommonOptions) => {
    const { verifyJournal } = await import('../../journal/journal-tools.ts');
    const folder = folderOf(options);
    const found = await readable(folder, () => verifyJournal(folder));
    const code = verifyCode(found);
    say(io, options.json === true, { json: found, text: verifyText(found, folder), code });
  });

  systemLeaf(journal, 'export <session> <file>', 'Write the audio of one session to a file.', [
    'crossfade journal export 3f2c0e9a-… call.wav',
    'crossfade journal export 3f2c0e9a-… call.raw --format raw',
  ])
    .addOption(
      new Option('--format <format>', 'a wave file, or bytes as received')
        .choices(['wav', 'raw'])
        .default('wav'),
    )
    .action(
      async (sessionId: string, file: string, options: CommonOptions & { readonly format: ExportFormat }) => {
        const { session, bytes, chunks } = await exported(folderOf(options), sessionId, options.format);
        await writeNew(file, chunks);
        const audioMs = Math.round(samplesToMs(session.endSample, session.sampleRate));
        const text = `${file}: ${audioMs} ms of ${session.encoding} at ${session.sampleRate} Hz, ${bytes} bytes.`;
        say(io, options.json === true, { json: { file, bytes, audioMs, sessionId }, text });
      },
    );
}

async function exported(folder: string, sessionId: string, format: ExportFormat): Promise<ExportedSession> {
  const { exportSession } = await import('../../journal/journal-tools.ts');
  try {
    return await readable(folder, () => exportSession(folder, sessionId, format));
  } catch (cause) {
    if (!hasCode(cause, 'SESSION_UNKNOWN')) throw cause;
    throw new CrossfadeError(
      'SESSION_UNKNOWN',
      `Expected a session of the journal in ${folder}, got ${sessionId}. See which there are: crossfade journal inspect`,
      { cause },
    );
  }
}

/** With the command line's own words for what the disk refused. */
async function readable<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const isDisk = hasCode(error, 'JOURNAL_UNAVAILABLE') && error.cause !== undefined;
    throw isDisk ? journalProblem(folder, error.cause) : error;
  }
}

/** Never over a file that is there: an export is looked for by name, and another one's audio is not ours to replace. */
async function writeNew(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(Readable.from(chunks), createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (cause) {
    throw notWritten(file, cause);
  }
}

function inspectText({ files, bytes, sessions, damage }: InspectedJournal): string {
  const lines = sessions.map((session) => {
    const seconds = (samplesToMs(session.endSample, session.sampleRate) / 1_000).toFixed(1);
    const holes = session.holes.length === 0 ? '' : `, ${session.holes.length} holes`;
    return `  ${session.sessionId}  ${session.phase.padEnd(6)}  ${seconds} s  ${session.encoding} ${session.sampleRate} Hz${holes}`;
  });
  const head = `${sessions.length} sessions in ${files.length} files, ${(bytes / 1_048_576).toFixed(1)} MiB.`;
  return [head, ...lines, ...damage.map((what) => `  damage: ${what}`)].join('\n');
}

const isDamaged = ({ files }: VerifiedJournal): boolean =>
  files.some(({ badBlocks }) => badBlocks.length > 0);

function verifyCode(found: VerifiedJournal): ExitCode {
  if (found.ok) return exitCode.ok;
  return isDamaged(found) ? exitCode.failed : exitCode.couldNotRun;
}

function verifyHead(found: VerifiedJournal, folder: string): string {
  if (found.files.length === 0) return `No files in ${folder}: nobody has spoken yet.`;
  if (found.ok) return 'Every block is whole.';
  if (isDamaged(found)) return 'Some blocks are damaged; the frames in them are lost.';
  return 'Some files could not be read; whether they are whole is not known.';
}

/** What was found, for a terminal. */
function verifyText(found: VerifiedJournal, folder: string): string {
  const { files } = found;
  const lines = files.map((file) => {
    const torn = file.tornBytes === 0 ? '' : `, torn tail of ${file.tornBytes} bytes`;
    const bad = file.badBlocks.map(({ offset, what }) => `\n    bad block at ${offset}: ${what}`).join('');
    return `  ${file.name}  ${file.problem ?? `${file.records} records${torn}`}${bad}`;
  });
  return [verifyHead(found, folder), ...lines].join('\n');
}
