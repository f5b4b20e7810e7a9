/**
 * The gateway process: accepts clients, pins each session to an upstream by one decision, and owns the audio until every
 * session has its record. Killed at any moment, it finishes from the journal what it had begun.
 */
import type { RequestListener } from 'node:http';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { IdSource } from '@crossfade/sdk/core/ids';
import type { Log } from '@crossfade/sdk/core/log';
import type { Drain, EvaluationContext, EvaluationResult } from '@crossfade/sdk/flags/ruleset';
import type { WebSocket } from 'ws';
import type { Journal, JournalHealth } from '../journal/journal.ts';
import type { SessionStore } from '../store/store.ts';
import type { Entry, SessionRecord, SessionSignal } from '../transcript/session-record.ts';
import { closeCodes } from '../wire/deepgram.ts';
import { errorOf } from '../wire/deepgram-build.ts';
import { BufferRoom } from './buffer-room.ts';
import { ClientSocket } from './client-socket.ts';
import { type DrainProgress, Drains } from './drains.ts';
import { FrontDoor, type Visitor } from './front-door.ts';
import { type Handshake, readHandshake } from './handshake.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import { EarlySignals } from './early-signals.ts';
import { LiveSession } from './live-session.ts';
import { restoreSession } from './recovery.ts';
import { assign } from './route.ts';
import type { SessionContext } from './session-context.ts';
import { sendStored } from './stored-session.ts';
import { UnknownUpstreams } from './unknown-upstreams.ts';
import type { Upstream } from './upstream.ts';
import { withUsage } from './usage.ts';

/** What decides: an in-process evaluator that never throws and never waits. */
export interface Decider {
  evaluate(flag: string, context: EvaluationContext): EvaluationResult;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The flag whose variants name upstreams. */
  readonly flag: string;
  readonly upstreams: readonly Upstream[];
  /** Serves whoever has no decision, and takes over from a candidate that fails. */
  readonly controlUpstream: string;
  /** The control side of the rollout that took a decision, where it is another upstream than `controlUpstream`. */
  readonly controlOf?: (decision: EvaluationResult) => string | undefined;
  readonly journal: Journal;
  readonly sessions: SessionStore;
  readonly evaluator: Decider;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly limits?: Partial<GatewayLimits>;
  /** Keys that clients must send; none: no check. */
  readonly keys?: readonly string[];
  /** Plain HTTP requests; the routes are made elsewhere. */
  readonly http?: RequestListener;
  readonly onDrainReport?: (drainId: string, progress: DrainProgress) => void;
  /** A fault on purpose, absent in production: see `SessionContext`. */
  readonly repeats?: () => boolean;
  /** A record was stored. */
  readonly onRecord?: (record: SessionRecord) => void;
  /** A session of a rollout began, or its first two minutes are over. */
  readonly onSignal?: (signal: SessionSignal) => void;
}

export interface GatewayStats {
  readonly sessions: number;
  readonly byUpstream: Readonly<Record<string, number>>;
  readonly recovering: number;
  readonly ended: number;
  readonly refused: number;
  /** Bytes in memory that upstreams and clients have not read. */
  readonly unsentBytes: { readonly upstreams: number; readonly clients: number };
  readonly journal: JournalHealth;
}

export interface LiveView {
  readonly sessionId: string;
  readonly phase: LiveSession['phase'];
  readonly upstream: string;
  readonly sampleRate: number;
  readonly samplesReceived: number;
  readonly entries: readonly Entry[];
}

export interface Gateway {
  readonly port: number;
  stats(): GatewayStats;
  live(sessionId: string): LiveView | undefined;
  applyDrains(orders: readonly Drain[]): void;
  /** Stops taking sessions and closes; sessions that are not over stay in the journal for the next start. */
  close(): Promise<void>;
}

/** Stalls, idle clients and grace periods are looked at this often. */
const tickMs = 250;

/** Throws PORT_IN_USE, and QUERY_INVALID when the control upstream is not among the upstreams. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.start();
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #context: SessionContext;
  readonly #limits: GatewayLimits;
  readonly #sessions = new Map<string, LiveSession>();
  readonly #clients = new Set<ClientSocket>();
  readonly #toFinish: LiveSession[] = [];
  readonly #finishing = new Set<string>();
  readonly #drains: Drains;
  readonly #door: FrontDoor;
  readonly #clientRoom: BufferRoom;
  readonly #signals: EarlySignals;
  readonly #unknown: UnknownUpstreams;
  #stopTick: () => void = () => {};
  #stopDurable: () => void = () => {};
  #isClosing = false;
  #ended = 0;

  constructor(options: GatewayOptions) {
    const upstreams = new Map(options.upstreams.map((upstream) => [upstream.name, upstream]));
    if (!upstreams.has(options.controlUpstream)) {
      throw new CrossfadeError(
        'USAGE',
        `Expected the control upstream to be one of ${[...upstreams.keys()].join(', ') || '(none)'}, got ${options.controlUpstream}.`,
      );
    }
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#clientRoom = new BufferRoom(this.#limits.clientBufferBytesMax, this.#limits.bufferBytesTotalMax);
    this.#drains = new Drains((id, progress) => options.onDrainReport?.(id, progress));
    this.#unknown = new UnknownUpstreams(options.log, [...upstreams.keys()]);
    this.#signals = new EarlySignals((signal) => options.onSignal?.(signal));
    this.#context = {
      journal: options.journal,
      sessions: options.sessions,
      upstreams,
      limits: this.#limits,
      upstreamRoom: new BufferRoom(this.#limits.upstreamBufferBytesMax, this.#limits.bufferBytesTotalMax),
      clock: options.clock,
      log: options.log,
      repeats: options.repeats ?? (() => false),
      onDrainProgress: (sessionId) => this.#onDrainProgress(sessionId),
      onEnded: (sessionId, record) => this.#onEnded(sessionId, record),
    };
    const { host, port, clock, log } = options;
    this.#door = new FrontDoor({
      ...{ host, port, clock, log },
      limits: this.#limits,
      http: options.http,
      onVisitor: (visitor) => this.#onVisitor(visitor),
    });
  }

  get port(): number {
    return this.#door.port;
  }

  async start(): Promise<void> {
    const { journal, clock } = this.#options;
    this.#stopDurable = journal.onDurable((advanced) => {
      for (const [id, sample] of advanced) this.#sessions.get(id)?.durable(sample);
    });
    // Before the first client: a session that resumes must be found.
    for (const journaled of journal.unfinished()) {
      const session = await restoreSession(this.#context, journaled);
      if (session === null) continue;
      this.#sessions.set(session.sessionId, session);
      this.#drains.restored(session);
      this.#signals.began(session);
      if (!session.waitsForClient) this.#toFinish.push(session);
    }
    await this.#door.open();
    const tick = (): void => {
      this.#tick();
      this.#stopTick = clock.after(tickMs, tick);
    };
    tick();
  }

  stats(): GatewayStats {
    const byUpstream: Record<string, number> = {};
    for (const session of this.#sessions.values())
      byUpstream[session.upstream] = (byUpstream[session.upstream] ?? 0) + 1;
    return {
      sessions: this.#sessions.size,
      byUpstream,
      recovering: this.#toFinish.length + this.#finishing.size,
      ended: this.#ended,
      refused: this.#door.refused,
      unsentBytes: { upstreams: this.#context.upstreamRoom.total, clients: this.#clientRoom.total },
      journal: this.#options.journal.health(),
    };
  }

  live(sessionId: string): LiveView | undefined {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return undefined;
    const { phase, upstream, entries } = session;
    const { sampleRate } = session.query;
    return { sessionId, phase, upstream, sampleRate, samplesReceived: session.endSample, entries };
  }

  applyDrains(orders: readonly Drain[]): void {
    this.#drains.apply(orders, [...this.#sessions.values()]);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopTick();
    this.#stopDurable();
    for (const session of this.#sessions.values()) session.abandon();
    await this.#door.close();
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#door.tick(nowMs);
    this.#clientRoom.counted([...this.#clients].map(({ unsentBytes }) => unsentBytes));
    this.#context.upstreamRoom.counted(
      [...this.#sessions.values()].map(({ upstreamBacklogBytes }) => upstreamBacklogBytes),
    );
    for (const client of this.#clients) client.tick(nowMs);
    for (const session of this.#sessions.values()) session.tick(nowMs);
    this.#signals.tick(this.#options.clock.nowMs());
    while (this.#toFinish.length > 0 && this.#finishing.size < this.#limits.recoveryConcurrency) {
      const session = this.#toFinish.shift()!;
      this.#finishing.add(session.sessionId);
      session.finish(session.recoveredEnd);
    }
  }

  async #onVisitor(visitor: Visitor): Promise<void> {
    const asked = readHandshake(visitor.request, this.#options.keys ?? []);
    const handshake = asked.resume === null ? await withUsage(asked, this.#options) : asked;
    if (this.#isClosing)
      throw new CrossfadeError('SESSION_LIMIT', 'The gateway is stopping. Try again in a moment.');
    if (handshake.resume !== null) await this.#resume(visitor, handshake);
    else this.#begin(visitor, handshake);
  }

  #begin(visitor: Visitor, handshake: Handshake): void {
    if (this.#sessions.size >= this.#limits.sessionsMax) {
      throw new CrossfadeError(
        'SESSION_LIMIT',
        `Expected fewer than ${this.#limits.sessionsMax} sessions, this would be one more.`,
      );
    }
    const sessionId = this.#options.ids.next();
    visitor.accept(sessionId, (client) => {
      try {
        const session = this.#newSession(sessionId, handshake);
        session.attach(this.#client(client, session, handshake), null);
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, 'session could not begin');
        client.send(JSON.stringify(errorOf('JOURNAL_UNAVAILABLE', messageOf(error))));
        client.close(closeCodes.tryLater.code, closeCodes.tryLater.reason);
      }
    });
  }

  #newSession(sessionId: string, handshake: Handshake): LiveSession {
    const { flag, evaluator, clock } = this.#options;
    const decision = evaluator.evaluate(flag, handshake.context);
    this.#unknown.decided(decision.value);
    const controlUpstream = this.#controlOf(decision);
    const assignment = assign({
      flag,
      decision,
      knownUpstreams: new Set(this.#context.upstreams.keys()),
      controlUpstream,
      userHash: handshake.userHash,
    });
    const session = new LiveSession(this.#context, {
      sessionId,
      query: handshake.query,
      assignment,
      controlUpstream,
      startedAtMs: clock.nowMs(),
    });
    session.begin();
    this.#sessions.set(session.sessionId, session);
    this.#drains.joined(session);
    this.#signals.began(session);
    return session;
  }

  /** Where sessions of this decision go when the candidate fails or is taken back. */
  #controlOf(decision: EvaluationResult): string {
    const named = this.#options.controlOf?.(decision);
    return named !== undefined && this.#context.upstreams.has(named) ? named : this.#options.controlUpstream;
  }

  async #resume(visitor: Visitor, handshake: Handshake): Promise<void> {
    const { sessionId, ...point } = handshake.resume!;
    const session = this.#sessions.get(sessionId);
    if (session !== undefined) {
      visitor.accept(sessionId, (client) => {
        // On its way to the store: the client finds it there in a moment.
        if (session.phase === 'ended') client.close(closeCodes.tryLater.code, 'it is being stored');
        else session.attach(this.#client(client, session, handshake), handshake.resume);
      });
      return;
    }
    const record = await this.#options.sessions.record(sessionId);
    const transcript = await this.#options.sessions.transcript(sessionId);
    if (record === undefined || transcript === undefined) {
      // Said over the socket, because a browser does not see the answer of a refused upgrade.
      visitor.accept(sessionId, (client) => {
        const message = 'Expected the id of a session of this gateway, got one it does not know. Start anew.';
        client.send(JSON.stringify(errorOf('SESSION_UNKNOWN', message)));
        client.close(closeCodes.notDecodable.code, 'SESSION_UNKNOWN');
      });
      return;
    }
    visitor.accept(sessionId, (client) => sendStored(client, record, transcript, point));
  }

  #client(socket: WebSocket, session: LiveSession, handshake: Handshake): ClientSocket {
    const { clock, log } = this.#options;
    const client = new ClientSocket({
      socket,
      session,
      acks: handshake.acks,
      encoding: handshake.query.encoding,
      limits: this.#limits,
      room: this.#clientRoom,
      clock,
      log,
    });
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
    return client;
  }

  #onDrainProgress(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined) this.#drains.progressed(session, null);
  }

  #onEnded(sessionId: string, record: SessionRecord): void {
    const session = this.#sessions.get(sessionId);
    this.#sessions.delete(sessionId);
    this.#finishing.delete(sessionId);
    this.#signals.ended(sessionId);
    this.#ended += 1;
    if (session !== undefined) this.#drains.progressed(session, record);
    this.#options.onRecord?.(record);
  }
}
