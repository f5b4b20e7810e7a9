import * as z from 'zod';
import type { SessionServer, StoredSession } from './driver.ts';

/** A gateway answers from memory or one indexed row. */
const answerLimitMs = 3_000;
/** The transcript of a test session is a few kilobytes. */
const answerBytesMax = 4_194_304;

const samples = z.number().min(0);
const count = z.number();
const name = z.string().max(200);
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
  record: z
    .object({
      user: ledger.extend({ rescuedBy: name.nullable().default(null) }),
      pipeline: z.object({
        attempts: z.array(z.object({ upstream: name, build: name.optional(), samplesCovered: count })),
      }),
    })
    .optional()
    .catch(undefined),
  state: z.string(),
  samplesReceived: samples,
  entries: z.array(
    z.object({
      start: samples,
      end: samples,
      text: z.string(),
      upstream: name.optional(),
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
      ...(record === undefined ? {} : { counts: record.user, servers: serversOf(parsed.data) }),
      isEnded: state === 'ended',
      samplesReadable: samplesReceived,
      entries: entries.map((entry) => ({ ...entry, isFinal: true })),
    };
  } catch {
    // Down, restarting, or no HTTP at all: nothing can be read there now.
    return null;
  }
}

/** Who covered audio of it: the assigned upstream's attempts, then whoever went on from there. */
function serversOf({ record, entries }: z.infer<typeof schema>): readonly SessionServer[] {
  if (record === undefined) return [];
  const servers = new Map<string, SessionServer>();
  for (const { upstream, build = null, samplesCovered } of record.pipeline.attempts)
    if (samplesCovered > 0)
      servers.set(JSON.stringify([upstream, build]), { upstream, build, tookOver: false });
  const assigned = new Set([...servers.values()].map(({ upstream }) => upstream));
  const later = [record.user.rescuedBy, ...entries.map(({ upstream }) => upstream)];
  for (const upstream of new Set(later))
    if (upstream != null && !assigned.has(upstream))
      servers.set(upstream, { upstream, build: null, tookOver: true });
  return [...servers.values()];
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
