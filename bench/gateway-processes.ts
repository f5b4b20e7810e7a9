/** The processes of bench/gateway.ts, each by itself, so that each one's CPU and memory are its own. */
import { join } from 'node:path';
import { type WebSocket, WebSocket as Client, WebSocketServer } from 'ws';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { systemIds } from '../packages/sdk/src/core/ids.ts';
import { silentLog } from '../packages/sdk/src/core/log.ts';
import { startGateway } from '../packages/crossfade/src/gateway/gateway.ts';
import { openJournal } from '../packages/crossfade/src/journal/file-journal.ts';
import { openSqliteSessionStore } from '../packages/crossfade/src/store/sqlite/sessions.ts';
import { metadataOf, resultsOf } from '../packages/crossfade/src/wire/deepgram-build.ts';

export const sampleRate = 16_000;

export type Role =
  | { readonly role: 'upstream' }
  | { readonly role: 'pass-through'; readonly upstreamPort: number }
  | {
      readonly role: 'gateway';
      readonly control: number;
      readonly candidate: number;
      readonly folder: string;
      /** Sessions begin on the candidate, to be migrated away from it. */
      readonly onCandidate: boolean;
    };

export type Ask = { readonly type: 'usage' } | { readonly type: 'migrate' };

export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Of the gateway: sessions that ended, and the pauses that their clients saw. */
  readonly ended: number;
  readonly pausesMs: readonly number[];
  readonly samplesLost: number;
  /** Of the upstream: how long frames took to it since the last ask. */
  readonly framesMs: readonly number[];
}

process.once('message', (role: Role) => void run(role));

async function run(role: Role): Promise<void> {
  const kept = { ended: 0, pausesMs: [] as number[], samplesLost: 0 };
  let migrate = (): void => undefined;
  let port: number;
  if (role.role === 'upstream') port = await listen(answer);
  else if (role.role === 'pass-through') port = await listen((near) => passThrough(near, role.upstreamPort));
  else {
    const stamp = { name: 'bench', epoch: 1, controlVariant: 'control', candidateVariant: 'candidate' };
    const variant = role.onCandidate ? 'candidate' : 'control';
    const gateway = await startGateway({
      host: '127.0.0.1',
      port: 0,
      flag: 'transcription',
      upstreams: [
        { name: 'control', url: `ws://127.0.0.1:${role.control}/v1/listen` },
        { name: 'candidate', url: `ws://127.0.0.1:${role.candidate}/v1/listen` },
      ],
      controlUpstream: 'control',
      journal: await openJournal({ folder: join(role.folder, 'journal'), clock: systemClock }),
      sessions: await openSqliteSessionStore({ file: join(role.folder, 'sessions.sqlite') }),
      evaluator: {
        evaluate: () => ({ value: variant, variant, reason: 'SPLIT', revision: 1, rollout: stamp }),
      },
      clock: systemClock,
      ids: systemIds,
      log: silentLog,
      limits: { sessionsMax: 5_000 },
      onRecord: ({ user }) => {
        kept.ended += 1;
        kept.pausesMs.push(...user.pausesMs);
        kept.samplesLost += user.samplesOffered - user.samplesCovered;
      },
    });
    port = gateway.port;
    migrate = () =>
      gateway.applyDrains([
        { id: 'bench', rollout: 'bench', flag: 'transcription', variant: 'candidate', policy: 'migrate' },
      ]);
  }
  process.on('message', (ask: Ask) => {
    if (ask.type === 'migrate') migrate();
    const { user, system } = process.cpuUsage();
    const cpuMs = (user + system) / 1_000;
    const usage: Usage = { cpuMs, rssBytes: process.memoryUsage().rss, ...kept, framesMs };
    framesMs = [];
    process.send?.(usage);
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ port });
}

async function listen(onConnection: (socket: WebSocket) => void): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', onConnection);
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as { port: number }).port;
}

/** One-way times of frames, client to upstream, ms, since they were asked for last. */
let framesMs: number[] = [];

let connections = 0;

/**
 * A pipeline that hears nothing and costs nothing: a partial for each second of audio, a final for every third. The
 * sessions are not in step, as people are not: the golden ratio spreads them evenly, however many they are.
 */
function answer(socket: WebSocket): void {
  const identity = { requestId: 'bench', model: 'bench', version: '1', sampleRate };
  const phase = Math.round(((connections++ * 0.618_034) % 1) * sampleRate);
  let received = 0;
  let partialAt = sampleRate - phase;
  let finalAt = 3 * (sampleRate - phase);
  let finalEnd = 0;
  let stamp = 0n;
  const say = (isFinal: boolean): void => {
    const words = Array.from({ length: 8 }, (_, at) => ({
      // Another text each time, as speech is: one that repeats itself is not shown again. The first word tells which
      // frame is answered.
      text: at === 0 ? `t${stamp}` : `word${received + at}`,
      start: finalEnd + at,
      end: finalEnd + at + 1,
      confidence: 1,
    }));
    const said = {
      start: finalEnd,
      end: received,
      words,
      isFinal,
      speechFinal: isFinal,
      fromFinalize: false,
    };
    socket.send(JSON.stringify(resultsOf(identity, said)));
    partialAt = received + sampleRate;
    if (!isFinal) return;
    finalEnd = received;
    finalAt = received + 3 * sampleRate;
  };
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      received += data.length / 2;
      stamp = data.readBigInt64LE(0);
      framesMs.push(Number(process.hrtime.bigint() - stamp) / 1e6);
      if (received >= finalAt) say(true);
      else if (received >= partialAt) say(false);
      return;
    }
    const { type } = JSON.parse(data.toString()) as { type: string };
    if (type !== 'CloseStream') return;
    if (received > finalEnd) say(true);
    socket.send(JSON.stringify(metadataOf(identity, received, systemClock.nowMs())));
    socket.close(1_000);
  });
}

/** What a gateway is at least: two sockets and the messages between them. */
function passThrough(near: WebSocket, upstreamPort: number): void {
  const far = new Client(`ws://127.0.0.1:${upstreamPort}/v1/listen`, { perMessageDeflate: false });
  const early: [Buffer, boolean][] = [];
  near.on('message', (data: Buffer, binary: boolean) => {
    if (far.readyState === far.OPEN) far.send(data, { binary });
    else early.push([data, binary]);
  });
  far.on('open', () => {
    for (const [data, binary] of early) far.send(data, { binary });
  });
  far.on('message', (data: Buffer, binary: boolean) => near.send(data, { binary }));
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ] as const) {
    socket.on('close', () => other.close());
    socket.on('error', () => other.terminate());
  }
}
