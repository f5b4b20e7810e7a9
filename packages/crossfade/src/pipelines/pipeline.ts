import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { systemIds, type IdSource } from '@crossfade/sdk/core/ids';
import { silentLog, type Log } from '@crossfade/sdk/core/log';
import { WebSocketServer } from 'ws';
import type { Engine, EngineName, EnginePreflight } from '../engines/engine.ts';
import { audioFrameBytesMax } from '../wire/deepgram.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import { admit, listenPath, refusalStatus, targetOf } from './admission.ts';
import { crashInMs, defectsOf, type SessionDefects } from './defects.ts';
import { LegacyTranscriber } from './legacy.ts';
import { ListenSession, type ListenSessionOptions } from './listen-session.ts';
import {
  defaultPipelineLimits,
  type PipelineKind,
  type PipelineLimits,
  type PipelineOptions,
} from './pipeline-options.ts';
import { Recognition } from './recognition.ts';
import { defaultEndpointMs, noEndpointMs, StreamingTranscriber } from './streaming.ts';

/** What `GET /healthz` answers. */
export interface PipelineStats {
  readonly kind: PipelineKind;
  readonly build: string;
  /** Open now. */
  readonly sessions: number;
  readonly sessionsTotal: number;
  /** Upgrades that were refused. */
  readonly refused: number;
  /** Audio that was received, all sessions together, ms. */
  readonly audioMs: number;
  /** Audio that engines are behind, all sessions together, ms. */
  readonly backlogMs: number;
  readonly engines: readonly ({ readonly name: EngineName } & EnginePreflight)[];
  /** Of this process alone. */
  readonly rssBytes: number;
  readonly cpuMs: number;
  /** This process and those of its engines. */
  readonly pids: readonly number[];
}

export interface Pipeline {
  readonly port: number;
  /** Ends every session with 1001, then the engines. */
  close(): Promise<void>;
  stats(): Promise<PipelineStats>;
}

/** How long clients have to answer the close handshake when the pipeline stops, ms. */
const stopMs = 1_000;

/**
 * Starts a pipeline: a server of the listen protocol at `/v1/listen`, and `GET /healthz`. PORT_IN_USE when
 * the port is taken.
 */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  if (options.engines.length === 0) {
    throw new CrossfadeError('USAGE', 'Expected a pipeline to have at least one engine, got none.');
  }
  if (!/^[\x21-\x7e]{1,100}$/.test(options.build)) {
    const got = JSON.stringify(options.build);
    throw new CrossfadeError('USAGE', `Expected a build of 1 to 100 printable ASCII characters, got ${got}.`);
  }
  const server = new PipelineServer(options);
  await server.listen();
  return server;
}

class PipelineServer implements Pipeline {
  readonly #options: PipelineOptions;
  readonly #limits: PipelineLimits;
  readonly #log: Log;
  readonly #ids: IdSource;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #sessions = new Set<ListenSession>();
  readonly #requestIds = new WeakMap<IncomingMessage, string>();
  /** Admitted, not open yet. */
  #opening = 0;
  #sessionsTotal = 0;
  /** Of sessions that are over. */
  #audioMs = 0;
  #refused = 0;
  #isClosed = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#limits = { ...defaultPipelineLimits, ...options.limits };
    this.#log = options.log ?? silentLog;
    this.#ids = options.ids ?? systemIds;
    this.#server = createServer((request, response) => void this.#onRequest(request, response));
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: audioFrameBytesMax,
      perMessageDeflate: false,
      handleProtocols: (offered) => ['token', 'bearer'].find((name) => offered.has(name)) ?? false,
    });
    this.#sockets.on('headers', (headers, request) => {
      headers.push(`x-crossfade-build: ${options.build}`, `dg-request-id: ${this.#requestIds.get(request)}`);
    });
    this.#server.on('upgrade', (request, socket, head) => void this.#onUpgrade(request, socket, head));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = `Expected port ${port} on ${host} to be free, got one in use. Choose another.`;
        reject(cause.code === 'EADDRINUSE' ? new CrossfadeError('PORT_IN_USE', taken, { cause }) : cause);
      });
      this.#server.listen(port, host, () => resolve());
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    for (const session of this.#sessions) session.stop();
    const cut = this.#options.clock.after(stopMs, () => {
      for (const socket of this.#sockets.clients) socket.terminate();
      this.#server.closeAllConnections();
    });
    await closed;
    cut();
    await Promise.all(this.#options.engines.map((engine) => engine.close()));
  }

  async stats(): Promise<PipelineStats> {
    const { kind, build, engines } = this.#options;
    const { user, system } = process.cpuUsage();
    return {
      kind,
      build,
      sessions: this.#sessions.size,
      sessionsTotal: this.#sessionsTotal,
      refused: this.#refused,
      audioMs: Math.round([...this.#sessions].reduce((sum, { audioMs }) => sum + audioMs, this.#audioMs)),
      backlogMs: this.#backlogMs(),
      engines: await Promise.all(
        engines.map(async (engine) => ({ name: engine.name, ...(await engine.preflight()) })),
      ),
      rssBytes: process.memoryUsage.rss(),
      cpuMs: (user + system) / 1_000,
      pids: [process.pid, ...engines.flatMap((engine) => engine.pids())],
    };
  }

  #backlogMs(engine?: Engine): number {
    let backlogMs = 0;
    for (const session of this.#sessions) {
      if (engine === undefined || session.model === engine.name) backlogMs += session.backlogMs;
    }
    return backlogMs;
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path } = targetOf(request);
    const isHealth = path === '/healthz' && request.method === 'GET';
    const expected = `Expected GET /healthz or a WebSocket at ${listenPath}, got ${request.method} ${path}.`;
    try {
      const body = isHealth ? await this.stats() : { code: 'USAGE', message: expected };
      response.writeHead(isHealth ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'health could not be told');
      response.writeHead(500).end();
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Until ws takes over, nobody else listens for errors of this socket.
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    const requestId = this.#ids.next();
    this.#requestIds.set(request, requestId);
    const sessions = this.#sessions.size + this.#opening;
    this.#opening += 1;
    try {
      const load = { sessions, backlogMs: (engine: Engine) => this.#backlogMs(engine) };
      const { query, engine } = await admit(request, this.#options.engines, load, this.#limits);
      const sessionNumber = this.#sessionsTotal++;
      const defects = defectsOf(this.#options.defect, sessionNumber, query.sampleRate);
      const recognition = await this.#recognize(engine, query, defects);
      if (socket.destroyed || this.#isClosed) {
        recognition.close();
        socket.destroy();
        return;
      }
      socket.off('error', ignore);
      const identity = {
        requestId,
        model: engine.name,
        version: this.#options.build,
        sampleRate: query.sampleRate,
      };
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#start({ socket: webSocket, identity, query, recognition, defects });
        this.#crashIfDue(sessionNumber);
      });
    } catch (error) {
      this.#refuse(socket, requestId, error);
    } finally {
      this.#opening -= 1;
    }
  }

  /** Opens the engine's stream before the upgrade is answered, so that a failure is a refusal and not a death. */
  #recognize(engine: Engine, query: ListenQuery, defects: SessionDefects): Promise<Recognition> {
    const endpointMs =
      query.endpointingMs === null ? noEndpointMs : (query.endpointingMs ?? defaultEndpointMs);
    const opening = Recognition.open({
      engine,
      sampleRate: query.sampleRate,
      endpointMs: this.#options.kind === 'legacy' ? null : endpointMs,
      loss: defects.loss,
    });
    return new Promise((resolve, reject) => {
      const { openMs } = this.#limits;
      const cancel = this.#options.clock.after(openMs, () => {
        reject(
          new CrossfadeError(
            'TIMEOUT',
            `Expected ${engine.name} to open a stream within ${openMs} ms, got none.`,
          ),
        );
        // One that opens too late is not left open.
        opening.then(
          (recognition) => recognition.close(),
          () => undefined,
        );
      });
      opening.then(resolve, reject).finally(cancel);
    });
  }

  #start(own: Pick<ListenSessionOptions, 'socket' | 'identity' | 'query' | 'recognition' | 'defects'>): void {
    const { kind, clock } = this.#options;
    const session = new ListenSession({
      ...own,
      makeTranscriber: (options) =>
        kind === 'legacy' ? new LegacyTranscriber(options) : new StreamingTranscriber(options),
      limits: this.#limits,
      clock,
      log: this.#log,
      onOver: () => {
        this.#sessions.delete(session);
        this.#audioMs += session.audioMs;
      },
    });
    this.#sessions.add(session);
    session.begin();
  }

  #crashIfDue(sessionNumber: number): void {
    const inMs = crashInMs(this.#options.defect, sessionNumber);
    if (inMs !== null) this.#options.clock.after(inMs, () => this.#options.onCrash?.());
  }

  /** Answers an upgrade with HTTP, the reason in `dg-error` and in the body, as Deepgram does. */
  #refuse(socket: Duplex, requestId: string, error: unknown): void {
    this.#refused += 1;
    const status = refusalStatus(error);
    const code = error instanceof CrossfadeError ? error.code : 'INTERNAL';
    const sentence = error instanceof CrossfadeError ? error.message : 'The pipeline failed on this request.';
    this.#log.warn({ request: requestId, code, error: messageOf(error) }, 'session refused');
    const body = JSON.stringify({ err_code: code, err_msg: sentence, request_id: requestId });
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
        'connection: close',
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        // Header values are printable ASCII; the query may hold anything.
        `dg-error: ${sentence.replaceAll(/[^\x20-\x7e]/g, '?')}`,
        `dg-request-id: ${requestId}`,
        `x-crossfade-build: ${this.#options.build}`,
        '',
        body,
      ].join('\r\n'),
    );
  }
}
