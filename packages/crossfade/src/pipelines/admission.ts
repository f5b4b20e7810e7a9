import type { IncomingMessage } from 'node:http';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Engine } from '../engines/engine.ts';
import { parseListenQuery, type ListenQuery } from '../wire/listen-query.ts';
import type { PipelineLimits } from './pipeline-options.ts';

export const listenPath = '/v1/listen';

/** What the pipeline carries right now. */
export interface Load {
  readonly sessions: number;
  /** Audio an engine is behind, its sessions together, ms. */
  backlogMs(engine: Engine): number;
}

/** Reads an upgrade request: what is asked for, and which engine it needs. Throws a sentence for the client. */
export async function admit(
  request: IncomingMessage,
  engines: readonly Engine[],
  load: Load,
  limits: PipelineLimits,
): Promise<{ readonly query: ListenQuery; readonly engine: Engine }> {
  const { path, parameters } = targetOf(request);
  if (path !== listenPath) {
    throw new CrossfadeError('QUERY_INVALID', `Expected a WebSocket at ${listenPath}, got ${path}.`);
  }
  const query = parseListenQuery(parameters);
  const engine = chooseEngine(query, engines);
  if (load.sessions >= limits.sessionsMax) {
    throw new CrossfadeError(
      'SESSION_LIMIT',
      `Expected at most ${limits.sessionsMax} sessions, got one more. Try again later.`,
    );
  }
  const behindMs = load.backlogMs(engine);
  if (behindMs >= limits.admissionBacklogMs) {
    throw new CrossfadeError(
      'SESSION_LIMIT',
      `Expected ${engine.name} to be less than ${limits.admissionBacklogMs} ms of audio behind, got ${Math.round(behindMs)}. Try again later.`,
    );
  }
  const preflight = await engine.preflight();
  if (!preflight.ok) {
    throw new CrossfadeError(
      'ENGINE_MISSING',
      `Expected the engine ${engine.name} to be here, got ${preflight.missing}. ${preflight.remedy}`,
    );
  }
  return { query, engine };
}

/** Path and query of a request, whatever else its target holds. */
export function targetOf(request: IncomingMessage): {
  readonly path: string;
  readonly parameters: URLSearchParams;
} {
  const target = request.url ?? '/';
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  return { path, parameters: new URLSearchParams(query === -1 ? '' : target.slice(query + 1)) };
}

/** By the name in `model`; the first engine when the client names no model. */
function chooseEngine(query: ListenQuery, engines: readonly Engine[]): Engine {
  const isNamed = query.parameters.has('model');
  const engine = isNamed ? engines.find(({ name }) => name === query.model) : engines[0];
  if (engine !== undefined) return engine;
  const known = engines.map(({ name }) => name).join(', ');
  throw new CrossfadeError('ENGINE_UNKNOWN', `Expected model to be one of ${known}, got ${query.model}.`);
}

/**
 * HTTP status of a refused upgrade. Deepgram answers 400 to any request it does not like, an unknown model
 * included; its clients know that code.
 */
export function refusalStatus(error: unknown): number {
  if (!(error instanceof CrossfadeError)) return 500;
  if (error.code === 'ENGINE_UNKNOWN' || error.code === 'ENGINE_MISSING') return 400;
  return error.code === 'ENGINE_FAILED' || error.code === 'TIMEOUT' ? 503 : error.status;
}
