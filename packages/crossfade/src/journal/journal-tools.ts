import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { parseFileName } from './file-header.ts';
import type { JournaledSession } from './journal.ts';
import { nodeFs } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import { silentLog } from './journal-log.ts';
import type { JournalState } from './journal-state.ts';
import { readAudio } from './read-audio.ts';
import { recover } from './recover.ts';
import { refused, unknown } from './refusals.ts';
import { scanFile } from './scan.ts';
import { silence, wavHeader } from './wav.ts';

export interface InspectedSession {
  readonly sessionId: string;
  readonly encoding: string;
  readonly sampleRate: number;
  readonly openedAtMs: number;
  readonly endSample: number;
  readonly holes: JournaledSession['holes'];
  readonly notes: number;
  readonly phase: 'open' | 'closed' | 'erased';
}

export interface InspectedJournal {
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  readonly sessions: readonly InspectedSession[];
  readonly damage: readonly string[];
}

/** What a journal holds, without changing it; also beside a running writer, as of the moment it was read. */
export async function inspectJournal(folder: string, fs: JournalFs = nodeFs): Promise<InspectedJournal> {
  const state = await readState(folder, fs);
  const files = state.files().map(({ name, bytes }) => ({ name, bytes }));
  const sessions = [...state.byHandle.values()].map((session): InspectedSession => {
    const { sessionId, encoding, sampleRate, openedAtMs } = session.statement;
    return {
      sessionId,
      encoding,
      sampleRate,
      openedAtMs,
      endSample: session.phase === 'erased' ? 0 : session.endSample,
      holes: session.phase === 'erased' ? [] : session.holes,
      notes: session.notes.length,
      phase: session.phase === 'closing' ? 'open' : session.phase,
    };
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { files, bytes, sessions, damage: [...state.damage] };
}

export interface VerifiedFile {
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
  readonly badBlocks: readonly { readonly offset: number; readonly bytes: number; readonly what: string }[];
  /** Bytes behind the last whole record: a crash, or a write under way. */
  readonly tornBytes: number;
  /** Set when the file could not be read at all. */
  readonly problem?: string;
}

export interface VerifiedJournal {
  /** No bad block in any file. A torn tail is what a crash leaves, and no damage. */
  readonly ok: boolean;
  readonly files: readonly VerifiedFile[];
}

/** Reads every record of every file and checks its checksum; directories are not trusted. */
export async function verifyJournal(folder: string, fs: JournalFs = nodeFs): Promise<VerifiedJournal> {
  const files: VerifiedFile[] = [];
  for (const name of await journalFiles(folder, fs)) files.push(await verifyFile(folder, name, fs));
  return { ok: files.every((file) => file.badBlocks.length === 0 && file.problem === undefined), files };
}

async function verifyFile(folder: string, name: string, fs: JournalFs): Promise<VerifiedFile> {
  const identity = parseFileName(name);
  if (identity === undefined) throw refused(`Expected a journal file, got ${name}.`);
  let records = 0;
  try {
    const fd = await fs.openRead(join(folder, name));
    try {
      const scan = await scanFile(fs, fd, identity, () => {
        records += 1;
      });
      const tornBytes = scan.bytes - scan.validEnd;
      const problem = scan.newer === undefined ? undefined : `written by a newer version (${scan.newer})`;
      const file = { name, bytes: scan.bytes, records, badBlocks: scan.badBlocks, tornBytes };
      return problem === undefined ? file : { ...file, problem };
    } finally {
      await fs.close(fd);
    }
  } catch (error) {
    return { name, bytes: 0, records, badBlocks: [], tornBytes: 0, problem: messageOf(error) };
  }
}

/** wav: playable everywhere, holes as silence. raw: the samples alone, holes as silence too, so that time stays. */
export type ExportFormat = 'wav' | 'raw';

export interface ExportedSession {
  readonly session: JournaledSession;
  readonly bytes: number;
  /** To be written one after the other; read from the files as it goes. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A session's audio as a file. Changes nothing; also beside a running writer. */
export async function exportSession(
  folder: string,
  sessionId: string,
  format: ExportFormat = 'wav',
  fs: JournalFs = nodeFs,
): Promise<ExportedSession> {
  const state = await readState(folder, fs);
  const session = state.byId.get(sessionId);
  if (session === undefined || session.phase === 'erased') throw unknown(sessionId);
  const audioBytes = session.endSample * session.bytesPerSample;
  const header = format === 'wav' ? wavHeader(session.statement, audioBytes) : Buffer.alloc(0);
  async function* chunks(): AsyncIterable<Uint8Array> {
    if (session === undefined) return;
    if (header.length > 0) yield header;
    let next = 0;
    for await (const run of readAudio(fs, folder, state, session, 0, session.endSample)) {
      yield* silence(session.statement.encoding, run.startSample - next);
      yield run.bytes;
      next = run.startSample + run.bytes.length / session.bytesPerSample;
    }
    yield* silence(session.statement.encoding, session.endSample - next);
  }
  return { session: session.snapshot(), bytes: header.length + audioBytes, chunks: chunks() };
}

async function readState(folder: string, fs: JournalFs): Promise<JournalState> {
  return reading(folder, () => recover({ fs, folder, log: silentLog, readOnly: true }));
}

async function journalFiles(folder: string, fs: JournalFs): Promise<readonly string[]> {
  const names = await reading(folder, () => fs.list(folder));
  return names.filter((name) => parseFileName(name) !== undefined).sort();
}

/** What the disk refuses becomes JOURNAL_UNAVAILABLE, with what it said as the cause. */
async function reading<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof CrossfadeError) throw cause;
    throw new CrossfadeError(
      'JOURNAL_UNAVAILABLE',
      `Expected a journal in ${folder}, got: ${messageOf(cause)}. Name the folder that holds its .cfj files.`,
      { cause },
    );
  }
}
