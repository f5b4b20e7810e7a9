import * as z from 'zod';
import type { StoredSession } from './driver.ts';

/** A gateway answers from memory or one indexed row. */
const answerLimitMs = 3_000;
/** The transcript of a test session is a few kilobytes. */
const answerBytesMax = 4_194_304;

const samples = z.number().min(0);
const count = z.number();
/** The ledger of what the user got, as a session record has it. */
const ledger = z.object({
  samplesOffered: count,
  samplesCovered: count,
  segmentsWithPartial: count,
  orphans: count,
  retractions: count,
  finalLatenciesMs: z.array(count),
  finalLatencyCount: count,
  finalLatencyOverLimit: count,
  stopLatencyMs: count.nullable(),
  missedTailMs: count.nullable(),
  entries: count,
  duplicateEntries: count,
  firstPartialMs: count.nullable(),
});
const schema = z.object({
  record: z.object({ user: ledger }).optional().catch(undefined),
  state: z.string(),
  samplesReceived: samples,
  entries: z.array(
    z.object({
      start: samples,
      end: samples,
      text: z.string(),
      words: z.array(z.object({ text: z.string(), start: samples, end: samples })),
    }),
  ),
});

/** Asks `GET /sessions/:id` beside a listen address. Null: no such thing there. Never rejects. */
export async function readStoredSession(
  listenUrl: string,
  sessionId: string,
  key: string | undefined,
): Promise<StoredSession | null> {
  const url = new URL(`/sessions/${encodeURIComponent(sessionId)}`, listenUrl.replace(/^ws/, 'http'));
  try {
    const response = await fetch(url, {
      headers: key === undefined ? {} : { authorization: `Token ${key}` },
      redirect: 'error',
      signal: AbortSignal.timeout(answerLimitMs),
    });
    const body = await boundedText(response);
    const parsed = response.ok && body !== null ? schema.safeParse(JSON.parse(body)) : undefined;
    if (parsed?.success !== true) return null;
    const { state, samplesReceived, entries, record } = parsed.data;
    return {
      ...(record === undefined ? {} : { counts: record.user }),
      isEnded: state === 'ended',
      samplesReadable: samplesReceived,
      entries: entries.map((entry) => ({ ...entry, isFinal: true })),
    };
  } catch {
    // Down, restarting, or no HTTP at all: nothing can be read there now.
    return null;
  }
}

async function boundedText(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > answerBytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
