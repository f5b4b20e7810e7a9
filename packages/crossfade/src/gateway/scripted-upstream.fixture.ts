/**
 * An upstream for tests that hears exactly what is in the audio: sample values are word numbers, so that a lost, repeated
 * or shifted sample shows in the text. What it says, when, and how it breaks is scripted per connection.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export const sampleRate = 16_000;
/** 50 ms. */
export const wordSamples = 800;

/** Audio of words `[first, first + count)`: word k is `wordSamples` samples of value k + 1. */
export function audioOf(first: number, count: number): Uint8Array {
  const samples = new Int16Array(count * wordSamples);
  for (let word = 0; word < count; word++)
    samples.fill(first + word + 1, word * wordSamples, (word + 1) * wordSamples);
  return new Uint8Array(samples.buffer);
}

export function textOf(first: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `w${first + index}`).join(' ');
}

/** How one connection breaks, once it has heard so many samples. */
export type Fault =
  | { readonly kind: 'refuse' }
  | { readonly kind: 'die'; readonly atSample: number }
  | { readonly kind: 'close'; readonly atSample: number }
  | { readonly kind: 'stall'; readonly atSample: number }
  /** Forgets so many samples and goes on as if nothing was. */
  | { readonly kind: 'skip'; readonly atSample: number; readonly samples: number }
  /** Says its last final again after each new one. */
  | { readonly kind: 'repeat' }
  | { readonly kind: 'nonsense' }
  /** Its times begin at zero again, as if the connection were new. */
  | { readonly kind: 'reset-clock'; readonly atSample: number }
  /** Says everything so much later, and dies with answers on their way. */
  | { readonly kind: 'late'; readonly atSample: number; readonly delayMs: number }
  /** Takes audio at this many times the pace of real time, as vendors do with a replay. */
  | { readonly kind: 'throttle'; readonly pace: number };

export interface Script {
  readonly wordsPerFinal?: number;
  /** Answers CloseStream without a final of what is left. */
  readonly keepsTail?: boolean;
  readonly fault?: (connection: number) => Fault | null;
}

/** One that was asked for, and how much it has heard. */
export interface Connection {
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  samples: number;
}

const connectionOf = ({ url = '', headers }: IncomingMessage): Connection => ({ url, headers, samples: 0 });

export interface ScriptedUpstream {
  readonly url: string;
  readonly connections: readonly Connection[];
  /** Every open connection dies without a word. */
  killAll(): void;
  close(): Promise<void>;
}

export async function startScriptedUpstream(script: Script = {}): Promise<ScriptedUpstream> {
  const connections: Connection[] = [];
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    verifyClient: (info, answer) => {
      const fault = script.fault?.(connections.length) ?? null;
      if (fault?.kind !== 'refuse') return answer(true);
      connections.push(connectionOf(info.req));
      answer(false, 503, 'busy');
    },
  });
  server.on('connection', (socket, request) => {
    const connection = connectionOf(request);
    const fault = script.fault?.(connections.length) ?? null;
    connections.push(connection);
    transcribe(socket, script, fault, connection);
  });
  await new Promise<void>((resolve) => server.once('listening', () => resolve()));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/listen`,
    connections,
    killAll: () => {
      for (const socket of server.clients) socket.terminate();
    },
    close: () => {
      for (const socket of server.clients) socket.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface HeardWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function transcribe(
  socket: WebSocket,
  script: Script,
  fault: Fault | null,
  connection: { samples: number },
): void {
  const wordsPerFinal = script.wordsPerFinal ?? 4;
  let heard: HeardWord[] = [];
  let settled = 0;
  let lastFinal = '';
  let skippedUntil = -1;
  let isMute = false;
  let origin = 0;

  const send = (message: string): void => {
    if (fault?.kind !== 'late') socket.send(message);
    else setTimeout(() => socket.readyState === socket.OPEN && socket.send(message), fault.delayMs);
  };

  const say = (isFinal: boolean, start: number, end: number, words: readonly HeardWord[]): void => {
    const message = JSON.stringify({
      type: 'Results',
      start: (start - origin) / sampleRate,
      duration: (end - start) / sampleRate,
      is_final: isFinal,
      speech_final: isFinal,
      channel: {
        alternatives: [
          {
            transcript: words.map((word) => word.text).join(' '),
            confidence: 1,
            words: words.map((word) => ({
              word: word.text,
              start: (word.start - origin) / sampleRate,
              end: (word.end - origin) / sampleRate,
              confidence: 1,
            })),
          },
        ],
      },
    });
    if (isMute) return;
    send(message);
    if (isFinal && fault?.kind === 'repeat' && lastFinal !== '') send(lastFinal);
    if (isFinal) lastFinal = message;
  };

  const finalUpTo = (end: number): void => {
    say(true, settled, end, heard);
    settled = end;
    heard = [];
  };

  const onSample = (value: number): void => {
    const at = connection.samples++;
    if (at < skippedUntil) return;
    if (fault?.kind === 'skip' && at === fault.atSample) {
      skippedUntil = at + fault.samples;
      // It keeps its clock: the next final begins after what was forgotten.
      if (heard.length > 0) finalUpTo(at);
      settled = skippedUntil;
      return;
    }
    const last = heard.at(-1);
    const text = `w${value - 1}`;
    if (value === 0) {
      // A second of silence ends an utterance, as it does everywhere.
      if (last !== undefined && at - last.end >= sampleRate) finalUpTo(at);
      return;
    }
    if (last?.text === text && last.end === at) heard[heard.length - 1] = { ...last, end: at + 1 };
    else {
      if (heard.length >= wordsPerFinal) finalUpTo(at);
      heard.push({ text, start: at, end: at + 1 });
      say(false, settled, at + 1, heard);
    }
  };

  const breaks = (): boolean => {
    if (fault === null || !('atSample' in fault) || connection.samples < fault.atSample) return false;
    if (fault.kind === 'die' || fault.kind === 'late') socket.terminate();
    if (fault.kind === 'reset-clock' && origin === 0) {
      finalUpTo(connection.samples);
      origin = connection.samples;
    }
    if (fault.kind === 'close') socket.close(1000);
    if (fault.kind === 'stall') isMute = true;
    return fault.kind === 'die' || fault.kind === 'late' || fault.kind === 'close';
  };

  const take = (data: Buffer, isBinary: boolean): void => {
    if (isBinary) {
      if (fault?.kind === 'nonsense') socket.send('{"type":"Results","start":"soon"}');
      for (let offset = 0; offset < data.length; offset += 2) {
        onSample(data.readInt16LE(offset));
        if (breaks()) return;
      }
      return;
    }
    const { type } = JSON.parse(data.toString()) as { type: string };
    if (isMute) return;
    if (type === 'Finalize' && connection.samples > settled) finalUpTo(connection.samples);
    if (type !== 'CloseStream') return;
    if (!script.keepsTail && connection.samples > settled) finalUpTo(connection.samples);
    socket.send(JSON.stringify({ type: 'Metadata', duration: connection.samples / sampleRate, channels: 1 }));
    socket.close(1000);
  };

  socket.on('message', fault?.kind === 'throttle' ? throttled(take, fault.pace) : take);
  socket.on('error', () => {});
}

/** Hands frames on at a multiple of their own length, in order. */
function throttled(
  take: (data: Buffer, isBinary: boolean) => void,
  pace: number,
): (data: Buffer, isBinary: boolean) => void {
  let freeAtMs = 0;
  return (data, isBinary) => {
    const nowMs = performance.now();
    const audioMs = isBinary ? (data.length / 2 / sampleRate) * 1_000 : 0;
    freeAtMs = Math.max(freeAtMs, nowMs) + audioMs / pace;
    setTimeout(() => take(data, isBinary), freeAtMs - nowMs);
  };
}
