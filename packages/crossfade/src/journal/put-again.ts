import {
  audioPrefixBytes,
  decodeNote,
  readHeader,
  readUint64,
  recordHeaderBytes,
  recordType,
} from './record.ts';
import type { JournalState } from './journal-state.ts';
import type { Chunk, OverType, Segment } from './segment.ts';

const overTypes: readonly OverType[] = ['close', 'erasing', 'erased'];

/** The file that takes the next record of about so many bytes. */
export type NextFile = (bytes: number) => Segment;

/**
 * Puts the records of chunks once more, in their order, into whatever file `next` chooses. A directory among them
 * is dropped: it told of offsets in the file that failed.
 */
export function putAgain(from: Segment, chunks: readonly Chunk[], state: JournalState, next: NextFile): void {
  for (const { bytes, at: chunkAt } of chunks) {
    let at = chunkAt === 0 ? fileHeaderEnd(bytes) : 0;
    for (;;) {
      const header = readHeader(bytes, at, from.identity.salt);
      if (header === undefined) break;
      const payload = bytes.subarray(at + recordHeaderBytes, at + recordHeaderBytes + header.length);
      const session = state.byHandle.get(header.handle);
      at += recordHeaderBytes + header.length;
      if (session === undefined) continue;
      const segment = next(recordHeaderBytes + header.length);
      if (header.type === recordType.audio) {
        segment.putAudio(session, readUint64(payload, 0), payload.subarray(audioPrefixBytes));
      } else if (header.type === recordType.note) {
        segment.putNote(session, decodeNote(payload)?.number ?? 0, payload);
      } else if (header.type === recordType.session) {
        segment.putOpen(session);
      } else {
        const over = overTypes.find((type) => header.type === recordType[type]);
        if (over !== undefined) segment.putOver(session, over);
      }
    }
  }
}

function fileHeaderEnd(bytes: Buffer): number {
  return bytes.readUInt16LE(18);
}
