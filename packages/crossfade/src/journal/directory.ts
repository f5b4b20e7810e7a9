import { runStride } from './file-contents.ts';
import type { FileContents, SessionInFile } from './file-contents.ts';
import {
  decodeStatement,
  encodeStatement,
  readUint64,
  recordHeaderBytes,
  recordType,
  writeUint64,
} from './record.ts';
import type { RecordType, Statement } from './record.ts';
import type { SessionState } from './session-state.ts';

/** Payload of the seal record: offset of the first span record, number of span records. */
const sealPayloadBytes = 16;
export const markPayloadBytes = 8;
/** The seal is the last record of a full file and has one length, so that it is found from the end. */
export const sealRecordBytes = recordHeaderBytes + sealPayloadBytes;

/** A span record about a session, to be handed to it once it is durable. */
export interface SpanPlace {
  readonly session: SessionState;
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** Of its payload. */
  readonly bytes: number;
}

/**
 * Writes the directory of a file through `put`, which answers the offset of the record it wrote. Before it stands
 * a mark: `durable` bytes of the file are covered by fdatasync.
 */
export function putDirectory(
  contents: FileContents,
  durable: number,
  sessionOf: (handle: number) => SessionState | undefined,
  put: (type: RecordType, handle: number, payload: Buffer) => number,
): readonly SpanPlace[] {
  const places: SpanPlace[] = [];
  put(recordType.mark, 0, encodeMark(durable));
  for (const entry of contents.sessions.values()) {
    const session = sessionOf(entry.handle);
    if (session === undefined) continue;
    const over = entry.closed || entry.erasing || entry.erased;
    const statement = { ...session.statement, overAtMs: over ? session.overAtMs : 0 };
    for (const { payload, start, end } of encodeSpans(entry, statement, session.bytesPerSample)) {
      const offset = put(recordType.span, entry.handle, payload);
      places.push({ session, start, end, offset, bytes: payload.length });
    }
  }
  const seal = Buffer.alloc(sealPayloadBytes);
  writeUint64(seal, 0, places[0]?.offset ?? 0);
  seal.writeUInt32LE(places.length, 8);
  put(recordType.seal, 0, seal);
  return places;
}

/** Payload of a mark. */
export function encodeMark(durable: number): Buffer {
  const payload = Buffer.alloc(markPayloadBytes);
  writeUint64(payload, 0, durable);
  return payload;
}

/** The file a file goes on from, and how long that one was when it ended. */
export interface Predecessor {
  readonly sequence: number;
  readonly bytes: number;
}

const predecessorBytes = 16;

export function encodePredecessor({ sequence, bytes }: Predecessor): Buffer {
  const payload = Buffer.alloc(predecessorBytes);
  writeUint64(payload, 0, sequence);
  writeUint64(payload, 8, bytes);
  return payload;
}

export function decodePredecessor(payload: Buffer): Predecessor | undefined {
  if (payload.length !== predecessorBytes) return undefined;
  return { sequence: readUint64(payload, 0), bytes: readUint64(payload, 8) };
}

/** Where the directory begins and how many spans it has; undefined when the payload is not a seal's. */
export function decodeSeal(payload: Buffer): { readonly offset: number; readonly spans: number } | undefined {
  if (payload.length !== sealPayloadBytes) return undefined;
  return { offset: readUint64(payload, 0), spans: payload.readUInt32LE(8) };
}

/** Runs in one span record; a session with more gets several, so that reading one back stays small. */
export const runsPerSpanMax = 32_768;

/** One span record: a session's runs and notes in a full file, or a part of them. */
export interface Span {
  readonly statement: Statement;
  /** Samples of its runs lie in [start, end); both 0 when it holds no audio. */
  readonly start: number;
  readonly end: number;
  /** True when some sample of [start, end) is not in its runs. */
  readonly gaps: boolean;
  readonly closed: boolean;
  readonly erasing: boolean;
  readonly erased: boolean;
  readonly runs: number[];
  readonly notes: number[];
}

const flag = { gaps: 1, closed: 2, erasing: 4, erased: 8 } as const;
/** After the statement: flags, start, end, number of notes, number of runs. */
const spanFixedBytes = 28;

/** A span payload and the samples it tells of. */
export interface EncodedSpan {
  readonly payload: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A session's part of a file as span payloads; each stands alone. */
export function encodeSpans(
  entry: SessionInFile,
  statement: Statement,
  bytesPerSample: number,
): readonly EncodedSpan[] {
  const spans: EncodedSpan[] = [];
  const step = runsPerSpanMax * runStride;
  for (let from = 0; from === 0 || from < entry.runs.length; from += step) {
    const runs = entry.runs.slice(from, from + step);
    spans.push(encodeSpan(entry, statement, bytesPerSample, runs, from === 0 ? entry.notes : []));
  }
  return spans;
}

function encodeSpan(
  entry: SessionInFile,
  statement: Statement,
  bytesPerSample: number,
  runs: readonly number[],
  notes: readonly number[],
): EncodedSpan {
  const { start, end, gaps } = extentOf(runs, bytesPerSample);
  const head = encodeStatement(statement);
  const fixed = Buffer.alloc(spanFixedBytes);
  const flags =
    (gaps ? flag.gaps : 0) |
    (entry.closed ? flag.closed : 0) |
    (entry.erasing ? flag.erasing : 0) |
    (entry.erased ? flag.erased : 0);
  fixed.writeUInt32LE(flags, 0);
  writeUint64(fixed, 4, start);
  writeUint64(fixed, 12, end);
  fixed.writeUInt32LE(notes.length / 2, 20);
  fixed.writeUInt32LE(runs.length / runStride, 24);
  const body = new VarintWriter();
  let offset = 0;
  for (let i = 0; i < notes.length; i += 2) {
    body.put((notes[i] ?? 0) - offset);
    body.put(notes[i + 1] ?? 0);
    offset = notes[i] ?? 0;
  }
  offset = 0;
  let length = 0;
  let next = start;
  for (let i = 0; i < runs.length; i += runStride) {
    const [at = 0, bytes = 0, sample = 0] = [runs[i], runs[i + 1], runs[i + 2]];
    // As a rule a run is as long as the one before it and goes on where that ended: one number says all.
    const regular = bytes === length && sample === next;
    body.put((at - offset) * 2 + (regular ? 0 : 1));
    if (!regular) {
      body.put(bytes);
      body.put(sample - start);
    }
    offset = at;
    length = bytes;
    next = sample + bytes / bytesPerSample;
  }
  return { payload: Buffer.concat([head, fixed, body.bytes()]), start, end };
}

/** Smallest range around the runs, and whether it has gaps. */
export function extentOf(
  runs: readonly number[],
  bytesPerSample: number,
): Pick<Span, 'start' | 'end' | 'gaps'> {
  if (runs.length === 0) return { start: 0, end: 0, gaps: false };
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  let samples = 0;
  for (let i = 0; i < runs.length; i += runStride) {
    const sample = runs[i + 2] ?? 0;
    const count = (runs[i + 1] ?? 0) / bytesPerSample;
    start = Math.min(start, sample);
    end = Math.max(end, sample + count);
    samples += count;
  }
  return { start, end, gaps: samples !== end - start };
}

/** Reads a span payload back; undefined when it is not one. `withRuns` false leaves its runs undecoded. */
export function decodeSpan(
  payload: Buffer,
  bytesPerSampleOf: (s: Statement) => number,
  withRuns: boolean,
): Span | undefined {
  const head = decodeStatement(payload);
  if (head === undefined || payload.length < head.bytes + spanFixedBytes) return undefined;
  const { statement, bytes: at } = head;
  const flags = payload.readUInt32LE(at);
  const start = readUint64(payload, at + 4);
  const noteCount = payload.readUInt32LE(at + 20);
  const runCount = payload.readUInt32LE(at + 24);
  const body = new VarintReader(payload, at + spanFixedBytes);
  const notes: number[] = [];
  for (let i = 0, offset = 0; i < noteCount && !body.over; i += 1) {
    offset += body.take();
    notes.push(offset, body.take());
  }
  const runs = withRuns ? decodeRuns(body, runCount, start, bytesPerSampleOf(statement)) : [];
  if (body.over) return undefined;
  return {
    statement,
    start,
    end: readUint64(payload, at + 12),
    gaps: (flags & flag.gaps) !== 0,
    closed: (flags & flag.closed) !== 0,
    erasing: (flags & flag.erasing) !== 0,
    erased: (flags & flag.erased) !== 0,
    runs,
    notes,
  };
}

function decodeRuns(body: VarintReader, count: number, start: number, bytesPerSample: number): number[] {
  const runs: number[] = [];
  let [offset, length, sample] = [0, 0, start];
  for (let i = 0; i < count && !body.over; i += 1) {
    const step = body.take();
    offset += Math.floor(step / 2);
    if (step % 2 === 1) {
      length = body.take();
      sample = start + body.take();
    }
    runs.push(offset, length, sample);
    sample += length / bytesPerSample;
  }
  return runs;
}

/** Whole numbers up to 2^53, seven bits a byte, low bits first. */
class VarintWriter {
  #buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  put(value: number): void {
    // A number of 2^53 takes eight bytes.
    if (this.#length + 8 > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafe(this.#buffer.length)]);
    }
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

class VarintReader {
  readonly #from: Buffer;
  #at: number;
  /** True once it was asked for more than there is. */
  over = false;

  constructor(from: Buffer, at: number) {
    this.#from = from;
    this.#at = at;
  }

  take(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#from[this.#at++];
      if (byte === undefined || scale > 2 ** 49) {
        this.over = true;
        return 0;
      }
      value += (byte % 128) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
}
