/** What a client's upgrade request asks for, checked: who it is, what it sends, and whether it resumes. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { EvaluationContext } from '@crossfade/sdk/flags/ruleset';
import { type ListenQuery, parseListenQuery } from '../wire/listen-query.ts';
import type { ResumePoint } from './session-client.ts';

export const listenPath = '/v1/listen';

export interface Handshake {
  readonly query: ListenQuery;
  /** The client understands acknowledgements and can resume. */
  readonly acks: boolean;
  readonly context: EvaluationContext;
  /** Hash of the targeting key, 16 hex digits; empty without one. */
  readonly userHash: string;
  readonly resume: ResumeRequest | null;
}

export interface ResumeRequest extends ResumePoint {
  readonly sessionId: string;
}

/** Keys of `extra` that are for the gateway; all others describe the user to the decision. */
const reservedExtras: ReadonlySet<string> = new Set([
  'ack',
  'session',
  'after',
  'heard',
  'produced',
  'targetingKey',
]);

/** Of a segment or a sample: far above any session's, and far below where numbers no longer grow by one. */
const resumeNumberMax = 1e12;

/** Reads the request. Throws QUERY_INVALID or UNAUTHORIZED. */
export function readHandshake(request: IncomingMessage, keys: readonly string[]): Handshake {
  requireKey(keyOf(request), keys);
  const url = new URL(request.url ?? '/', 'http://gateway');
  const query = parseListenQuery(url.searchParams);
  const { extra } = query;
  const attributes = [...extra].filter(([name]) => !reservedExtras.has(name));
  const targetingKey = extra.get('targetingKey');
  return {
    query,
    acks: extra.get('ack') === '1',
    context: { ...Object.fromEntries(attributes), ...(targetingKey === undefined ? {} : { targetingKey }) },
    userHash: targetingKey === undefined ? '' : hashOf(targetingKey).toString('hex').slice(0, 16),
    resume: resumeOf(extra),
  };
}

/** The key a request carries: `Authorization: Token|Bearer KEY`, or the subprotocols `token, KEY` of a browser. */
export function keyOf(request: IncomingMessage): string {
  const [, fromHeader] = /^(?:Token|Bearer)\s+(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (fromHeader !== undefined) return fromHeader;
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim());
  return protocols[0] === 'token' || protocols[0] === 'bearer' ? (protocols[1] ?? '') : '';
}

/** No configured key: everybody who reaches the address may use it, which is why it listens on loopback then. */
export function requireKey(key: string, keys: readonly string[]): void {
  if (keys.length === 0) return;
  // Compared as hashes, so that neither length nor content shows in the time it takes.
  const given = hashOf(key);
  let isKnown = false;
  for (const known of keys) isKnown = timingSafeEqual(given, hashOf(known)) || isKnown;
  if (isKnown) return;
  throw new CrossfadeError(
    'UNAUTHORIZED',
    `Expected a key of this gateway in "Authorization: Token KEY", got ${key === '' ? 'none' : 'one it does not know'}.`,
  );
}

/** Where a client that comes back stands; null: it is new. */
function resumeOf(extra: ReadonlyMap<string, string>): Handshake['resume'] {
  const sessionId = extra.get('session');
  if (sessionId === undefined) return null;
  const number = (name: string): number | null =>
    extra.has(name) ? wholeNumber(name, extra.get(name)!) : null;
  const [afterSegment, heardSample] = [number('after') ?? -1, number('heard')];
  if (afterSegment >= 0 && heardSample === null) {
    throw new CrossfadeError(
      'QUERY_INVALID',
      `Expected extra=heard: beside extra=after:${afterSegment}, the sample where that final ends, got none.`,
    );
  }
  return { sessionId, afterSegment, heardSample: heardSample ?? 0, producedSample: number('produced') };
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= -1 && value <= resumeNumberMax) return value;
  throw new CrossfadeError(
    'QUERY_INVALID',
    `Expected extra=${name}: to be a whole number from -1 to ${resumeNumberMax}, got ${JSON.stringify(text)}.`,
  );
}
