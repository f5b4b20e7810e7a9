/** The gateway's port: who may connect, how long a handshake may take, and how a refusal is said. */
import { createServer, type IncomingMessage, type RequestListener, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { type WebSocket, WebSocketServer } from 'ws';
import { audioFrameBytesMax } from '../wire/deepgram.ts';
import { AddressGuard } from './address-guard.ts';
import { listenPath } from './handshake.ts';
import type { GatewayLimits } from './limits.ts';
import { RefusalLog } from './refusal-log.ts';

/** A client at the door. */
export interface Visitor {
  readonly request: IncomingMessage;
  /** Upgrades the connection; its answer names the session. */
  accept(sessionId: string, then: (socket: WebSocket) => void): void;
}

export interface FrontDoorOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Plain HTTP requests. */
  readonly http: RequestListener | undefined;
  /** A visitor asks for a session. What it throws is the refusal. */
  readonly onVisitor: (visitor: Visitor) => Promise<void>;
}

/** How often Node looks for handshakes that take too long; its default of half a minute is no limit. */
const handshakeChecksPerLimit = 4;

export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #server;
  readonly #guard: AddressGuard;
  readonly #refusals: RefusalLog;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: audioFrameBytesMax,
    perMessageDeflate: false,
    // Answered by the client's socket, which looks first whether the client reads.
    autoPong: false,
    handleProtocols: (protocols) =>
      protocols.has('token') ? 'token' : protocols.has('bearer') ? 'bearer' : false,
  });
  #refused = 0;

  constructor(options: FrontDoorOptions) {
    const { limits, log, http } = options;
    this.#options = options;
    this.#guard = new AddressGuard(limits);
    this.#refusals = new RefusalLog(log);
    this.#server = createServer({
      requestTimeout: limits.handshakeMs,
      headersTimeout: limits.handshakeMs,
      connectionsCheckingInterval: Math.ceil(limits.handshakeMs / handshakeChecksPerLimit),
    });
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket),
    );
    this.#server.on('request', http ?? ((_, response) => response.writeHead(404).end()));
    this.#server.on('upgrade', (request, socket, head) => void this.#onUpgrade(request, socket, head));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections and requests that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws PORT_IN_USE. */
  async open(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      this.#server.listen(port, host, resolve);
    });
  }

  tick(nowMs: number): void {
    this.#guard.sweep(nowMs);
    this.#refusals.tick(nowMs);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress: address } = socket;
    // Gone before it was looked at.
    if (address === undefined) return;
    const problem = this.#guard.admit(address, this.#options.clock.monotonicMs());
    if (problem === null) socket.once('close', () => this.#guard.gone(address));
    else this.#refuse(socket, new CrossfadeError('SESSION_LIMIT', `${problem} Try again later.`));
  }

  /** No request that Node understands: too slow, too large, another protocol, or cut off. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { handshakeMs } = this.#options.limits;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      const sentence = `Expected a whole request within ${handshakeMs} ms, got a part of one.`;
      this.#refuse(socket, new CrossfadeError('TIMEOUT', sentence), 408);
    } else if (socket.writable && error.code !== 'ECONNRESET') {
      const isLarge = error.code === 'HPE_HEADER_OVERFLOW';
      const sentence = `Expected an HTTP request of the listen protocol, got ${messageOf(error)}.`;
      this.#refuse(socket, new CrossfadeError('QUERY_INVALID', sentence), isLarge ? 431 : 400);
    } else socket.destroy();
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => {});
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://gateway');
      if (pathname !== listenPath) {
        throw new CrossfadeError(
          'QUERY_INVALID',
          `Expected the path ${listenPath}, got ${pathname.slice(0, 100)}.`,
        );
      }
      await this.#options.onVisitor({
        request,
        accept: (sessionId, then) => this.#accept(request, socket, head, sessionId, then),
      });
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  #accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    sessionId: string,
    then: (socket: WebSocket) => void,
  ): void {
    const addHeaders = (headers: string[]): void => {
      headers.push(`dg-request-id: ${sessionId}`);
    };
    this.#sockets.once('headers', addHeaders);
    try {
      this.#sockets.handleUpgrade(request, socket, head, then);
    } finally {
      this.#sockets.off('headers', addHeaders);
    }
  }

  #refuse(socket: Duplex, error: unknown, statusOf?: number): void {
    this.#refused += 1;
    const known =
      error instanceof CrossfadeError
        ? error
        : new CrossfadeError('INTERNAL', 'The gateway failed on this request.', { cause: error });
    this.#refusals.refused(known.code, messageOf(error), this.#options.clock.monotonicMs());
    const status = statusOf ?? known.status;
    const body = JSON.stringify({ err_code: known.code, err_msg: known.message });
    const answer =
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n` +
      `dg-error: ${known.message.replace(/[^\x20-\x7e]/g, '?')}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
    // Not only ended: a peer that never closes its side would keep the connection.
    socket.end(answer, () => socket.destroy());
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CrossfadeError {
  if (error.code === 'EADDRINUSE') {
    return new CrossfadeError(
      'PORT_IN_USE',
      `Expected port ${port} on ${host} to be free, another program has it. Choose another with --port.`,
      { cause: error, detail: { port } },
    );
  }
  return new CrossfadeError('INTERNAL', `Expected to listen on ${host}:${port}, got ${error.message}.`, {
    cause: error,
  });
}
