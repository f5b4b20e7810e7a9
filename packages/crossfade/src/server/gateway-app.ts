/** The gateway's plain HTTP: what became of a session, and whether the gateway is well. */
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { Hono } from 'hono';
import type { Gateway } from '../gateway/gateway.ts';
import { requireKey } from '../gateway/handshake.ts';
import type { SessionStore } from '../store/store.ts';
import type { Entry } from '../transcript/session-record.ts';

export interface GatewayAppOptions {
  /** The gateway is there once it has started; before that the answer is 503. */
  readonly gateway: () => Gateway | null;
  readonly sessions: SessionStore;
  /** Erases the audio of a session that is over. False: there is none, retention took it already. */
  readonly eraseAudio: (sessionId: string) => Promise<boolean>;
  readonly keys: readonly string[];
  readonly log: Log;
  /** What the evaluator works with: revision and age of its ruleset. */
  readonly ruleset: () => { readonly revision: number; readonly ageMs: number };
}

/**
 * `GET /sessions/:id` answers the transcript so far, `state` being `live`, `finishing` or `ended`, and the session record
 * once there is one. `DELETE /sessions/:id` erases what was said in a session that is over. `GET /healthz` answers 200 while the journal can be written, 503 otherwise.
 */
export function createGatewayApp(options: GatewayAppOptions): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    const known =
      error instanceof CrossfadeError
        ? error
        : new CrossfadeError('INTERNAL', 'The gateway failed on this request.', { cause: error });
    if (known !== error) options.log.error({ error: messageOf(error) }, 'request failed');
    return context.json({ code: known.code, message: known.message }, known.status as 400);
  });
  app.notFound((context) =>
    context.json(
      {
        code: 'USAGE',
        message: `Expected /sessions/:id, /healthz or a WebSocket at /v1/listen, got ${context.req.path}.`,
      },
      404,
    ),
  );

  app.get('/healthz', (context) => {
    const gateway = options.gateway();
    if (gateway === null) return context.json({ ok: false, reason: 'starting' }, 503);
    const stats = gateway.stats();
    const { commitMs, ...journal } = stats.journal;
    const body = {
      ok: journal.writable,
      ...stats,
      journal: { ...journal, commitMsP50: quantile(commitMs, 0.5), commitMsP99: quantile(commitMs, 0.99) },
      ruleset: options.ruleset(),
    };
    return context.json(body, journal.writable ? 200 : 503);
  });

  addSessionRoutes(app, options);
  return app;
}

function addSessionRoutes(app: Hono, options: GatewayAppOptions): void {
  app.use('/sessions/*', async (context, next) => {
    const [, key = ''] = /^(?:Token|Bearer)\s+(\S+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
    requireKey(key, options.keys);
    return next();
  });

  app.get('/sessions/:id', async (context) => {
    const sessionId = context.req.param('id');
    const live = options.gateway()?.live(sessionId);
    if (live !== undefined) {
      const { phase, samplesReceived, ...rest } = live;
      return context.json({ ...rest, state: phase, samplesReceived, text: textOf(live.entries) });
    }
    const record = await options.sessions.record(sessionId);
    if (record === undefined) throw unknownSession(sessionId);
    const transcript = await options.sessions.transcript(sessionId);
    const entries = transcript?.entries ?? [];
    return context.json({
      sessionId,
      state: transcript === undefined ? 'erased' : 'ended',
      upstream: record.assignment.upstream,
      sampleRate: record.sampleRate,
      samplesReceived: record.user.samplesOffered,
      entries,
      text: textOf(entries),
      record,
    });
  });

  app.delete('/sessions/:id', async (context) => {
    const sessionId = context.req.param('id');
    const phase = options.gateway()?.live(sessionId)?.phase;
    if (phase !== undefined) {
      throw new CrossfadeError(
        'JOURNAL_REFUSED',
        `Expected a session that is over, got one that is ${phase}. Let it end, then erase it.`,
      );
    }
    const record = await options.sessions.record(sessionId);
    // Audio first: when this ends half way, the transcript still says that there is something to erase.
    const hadAudio = await options.eraseAudio(sessionId);
    // The record may have been forgotten before the audio.
    if (record === undefined && !hadAudio) throw unknownSession(sessionId);
    await options.sessions.eraseTranscript(sessionId);
    options.log.info({ sessionId }, 'session erased');
    return context.json({ sessionId, state: 'erased' });
  });
}

function unknownSession(sessionId: string): CrossfadeError {
  return new CrossfadeError(
    'SESSION_UNKNOWN',
    `Expected the id of a session of this gateway, got ${JSON.stringify(sessionId.slice(0, 64))}: no session has it.`,
  );
}

function textOf(entries: readonly Entry[]): string {
  return entries.map((entry) => entry.text).join(' ');
}

/** Nearest rank; null without values. */
function quantile(values: readonly number[], q: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
}
