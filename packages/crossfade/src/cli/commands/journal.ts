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
import { exitCode } from '../exit-code.ts';
import { notWritten } from '../new-file.ts';
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
    const found = await inspectJournal(folderOf(options));
    say(io, options.json === true, { json: found, text: inspectText(found) });
  });

  systemLeaf(
    journal,
    'verify',
    'Read every record and check its checksum. Exit code 1: a block is damaged.',
    ['crossfade journal verify --json'],
  ).action(async (options: CommonOptions) => {
    const { verifyJournal } = await import('../../journal/journal-tools.ts');
    const found = await verifyJournal(folderOf(options));
    const code = found.ok ? exitCode.ok : exitCode.failed;
    say(io, options.json === true, { json: found, text: verifyText(found), code });
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
    return await exportSession(folder, sessionId, format);
  } catch (cause) {
    if (!hasCode(cause, 'SESSION_UNKNOWN')) throw cause;
    throw new CrossfadeError(
      'SESSION_UNKNOWN',
      `Expected a session of the journal in ${folder}, got ${sessionId}. See which there are: crossfade journal inspect`,
      { cause },
    );
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

function verifyText({ ok, files }: VerifiedJournal): string {
  const lines = files.map((file) => {
    const torn = file.tornBytes === 0 ? '' : `, torn tail of ${file.tornBytes} bytes`;
    const bad = file.badBlocks.map(({ offset, what }) => `\n    bad block at ${offset}: ${what}`).join('');
    return `  ${file.name}  ${file.problem ?? `${file.records} records${torn}`}${bad}`;
  });
  return [
    ok ? 'Every block is whole.' : 'Some blocks are damaged; the frames in them are lost.',
    ...lines,
  ].join('\n');
}
