import * as z from 'zod';
import type { Entry, SessionRecord } from '../../transcript/session-record.ts';

/** What GET /sessions/:id answers, as far as a drill looks at it. */
export interface GatewaySession {
  readonly state: 'live' | 'finishing' | 'ended';
  readonly samplesReceived: number;
  readonly entries: readonly Entry[];
  /** Once it is stored. */
  readonly record?: SessionRecord;
}

const sessionSchema = z.looseObject({
  state: z.enum(['live', 'finishing', 'ended']),
  samplesReceived: z.number(),
  entries: z.array(z.looseObject({ start: z.number(), end: z.number(), text: z.string() })),
});

/** A gateway that is well answers in milliseconds; one that was killed does not answer at all. */
const answerLimitMs = 5_000;

/** `unknown`: it answered that it knows no such session. `away`: nothing that can be read came back. */
export type SessionAnswer = GatewaySession | 'unknown' | 'away';

export async function askSession(gatewayUrl: string, sessionId: string): Promise<SessionAnswer> {
  try {
    const url = new URL(`/sessions/${encodeURIComponent(sessionId)}`, gatewayUrl.replace(/^ws/, 'http'));
    const response = await fetch(url, { signal: AbortSignal.timeout(answerLimitMs) });
    const answer: unknown = await response.json();
    if (response.status === 404) return 'unknown';
    const session = sessionSchema.safeParse(answer);
    return session.success ? (session.data as unknown as GatewaySession) : 'away';
  } catch {
    return 'away';
  }
}
