/** The two clients of a drill: a stock one, which keeps nothing and sends nothing twice, and ours, which resumes. */
import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { msToSamples } from '@crossfade/sdk/core/units';
import WebSocket from 'ws';
import { parseUpstreamMessage } from '../../wire/deepgram.ts';
import { drillSampleRate } from './drill-speech.ts';
import type { SpokenSession } from './spoken-session.ts';

/** From the last frame to the goodbye: a stall is noticed after 8 s, and two may come one after the other. */
const goodbyeLimitMs = 60_000;
const connectLimitMs = 10_000;

const query = {
  encoding: 'linear16',
  sample_rate: `${drillSampleRate}`,
  interim_results: 'true',
  endpointing: '300',
};

export interface SpeakOptions {
  readonly gatewayUrl: string;
  readonly clock: Clock;
  /** How each open connection is ended at once; of this one as long as it is open. */
  readonly hangUps: Set<() => void>;
}

/** Speaks the whole session. Resolves when it is over, however it ended; never rejects. */
export async function speak(session: SpokenSession, options: SpeakOptions): Promise<void> {
  try {
    if (session.planned.client === 'stock') await speakStock(session, options);
    else await speakResuming(session, options);
  } catch (error) {
    session.failure ??= messageOf(error);
  }
}

async function speakStock(
  session: SpokenSession,
  { gatewayUrl, clock, hangUps }: SpeakOptions,
): Promise<void> {
  const url = new URL('/v1/listen', gatewayUrl);
  url.search = new URLSearchParams({ ...query, model: 'tone' }).toString();
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: connectLimitMs });
  const hangUp = (): void => socket.terminate();
  hangUps.add(hangUp);
  socket.on('close', () => hangUps.delete(hangUp));
  socket.on('upgrade', ({ headers }) => {
    const id = headers['dg-request-id'];
    session.sessionId = typeof id === 'string' ? id : null;
  });
  socket.on('error', () => undefined);
  socket.on('message', (data) => {
    const message = parseUpstreamMessage((data as Buffer).toString());
    if (message?.type === 'Metadata') session.isComplete = true;
    if (message?.type === 'Error') session.wasRefused = true;
    const [best] = message?.type === 'Results' ? message.channel.alternatives : [];
    if (message?.type !== 'Results' || best === undefined) return;
    const { start, duration, is_final: isFinal } = message;
    session.heard({ isFinal, start, end: start + duration, text: best.transcript, words: best.words });
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const opened = new Promise<boolean>((resolve) => {
    socket.once('open', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  if (!(await opened)) {
    session.isBroken = true;
    return;
  }
  await sendPaced(session, clock, (bytes) => {
    if (socket.readyState !== WebSocket.OPEN) return false;
    socket.send(bytes);
    return true;
  });
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'CloseStream' }));
  const cancel = clock.after(goodbyeLimitMs, () => {
    session.failure ??= `no goodbye within ${goodbyeLimitMs / 1_000} s`;
    socket.terminate();
  });
  await closed;
  cancel();
  session.isBroken = !session.isComplete;
}

async function speakResuming(
  session: SpokenSession,
  { gatewayUrl, clock, hangUps }: SpeakOptions,
): Promise<void> {
  const { encoding: _, sample_rate: __, ...listen } = query;
  const client = new TranscriptionClient({
    url: new URL('/v1/listen', gatewayUrl).href,
    sampleRate: drillSampleRate,
    model: 'tone',
    query: listen,
    WebSocket,
    clock,
    onResult: (result) => session.heard(result),
    onConnection: () => (session.sessionId = client.sessionId),
  });
  const hangUp = (): void => client.close();
  hangUps.add(hangUp);
  await sendPaced(session, clock, (bytes) => client.send(bytes));
  const cancel = clock.after(goodbyeLimitMs, () => {
    session.failure ??= `no goodbye within ${goodbyeLimitMs / 1_000} s`;
    client.close();
  });
  try {
    await client.stop();
    session.isComplete = session.failure === null;
  } finally {
    cancel();
    hangUps.delete(hangUp);
    session.sessionId = client.sessionId;
  }
}

/** Sends frame after frame on an absolute schedule, until all is said or `send` refuses one. */
async function sendPaced(
  session: SpokenSession,
  clock: Clock,
  send: (bytes: Uint8Array) => boolean,
): Promise<void> {
  const { frameMs, pace, script, read } = session.planned;
  const frameSamples = msToSamples(frameMs, drillSampleRate);
  const startedAtMs = clock.monotonicMs();
  for (let at = 0; at < script.totalSamples; at += frameSamples) {
    const dueMs = startedAtMs + (at * 1_000) / drillSampleRate / pace;
    const waitMs = dueMs - clock.monotonicMs();
    // A timer cannot be finer than a millisecond.
    if (waitMs > 1) await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    const end = Math.min(script.totalSamples, at + frameSamples);
    if (!send(read(at, end))) return;
    session.spokenSamples = end;
  }
}
