import type {
  Driver,
  DriverConnection,
  DriverListener,
  SaidText,
  SessionBreak,
} from '@crossfade/server/acceptance';
import WebSocket from 'ws';

/** A turn of a minute is below; a longer frame ends the session. */
const frameBytesMax = 262_144;
const handshakeLimitMs = 10_000;

interface Turn {
  readonly type: 'Turn';
  readonly end_of_turn: boolean;
  readonly transcript: string;
  readonly words: readonly { readonly text: string; readonly start: number; readonly end: number }[];
}

/** AssemblyAI's Universal Streaming (`/v3/ws`) for `runAcceptance`. Its word times are milliseconds of the session. */
export class AssemblyAiDriver implements Driver {
  readonly protocol = 'AssemblyAI /v3/ws';
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  connect(sampleRate: number, listener: DriverListener): DriverConnection {
    const address = new URL(this.#url);
    address.searchParams.set('sample_rate', String(sampleRate));
    address.searchParams.set('encoding', 'pcm_s16le');
    const socket = new WebSocket(address, {
      headers: { Authorization: this.#key },
      handshakeTimeout: handshakeLimitMs,
      maxPayload: frameBytesMax,
    });
    return speakTo(socket, sampleRate, listener);
  }

  /** Nothing is kept that anybody could read. */
  readStored(): Promise<null> {
    return Promise.resolve(null);
  }
}

function speakTo(socket: WebSocket, sampleRate: number, listener: DriverListener): DriverConnection {
  let finalEnd = 0;
  let isDone = false;
  let problem: SessionBreak | null = null;
  const breakWith = (kind: SessionBreak['kind'], reason: string): void => {
    problem ??= { kind, reason };
    socket.terminate();
  };
  socket.on('message', (data: Buffer) => {
    const message = parsed(data);
    if (message === null) breakWith('broke-protocol', 'Expected a message of AssemblyAI, got another text.');
    else if (message.type === 'Begin') listener.onAccepted({ sessionId: message.id, build: null });
    else if (message.type === 'Turn') {
      const text = textOf(message, finalEnd, sampleRate);
      if (text.isFinal) finalEnd = text.end;
      listener.onText(text);
    } else {
      isDone = true;
      listener.onDone();
    }
  });
  socket.on('unexpected-response', (_request, response) => {
    response.destroy();
    breakWith('refused', `Expected the target to take a session, got HTTP ${response.statusCode}.`);
  });
  socket.on('error', (error) => {
    const isAfterOpen = socket.readyState !== WebSocket.CONNECTING;
    breakWith(isAfterOpen ? 'broke-protocol' : 'unreachable', `The connection failed: ${error.message}.`);
  });
  socket.on('close', (code) => {
    const died = { kind: 'died', reason: `The connection closed with ${code} too early.` } as const;
    listener.onEnd(problem ?? (isDone ? null : died));
  });
  // The protocol wants 50 ms and more at once; the suite's frames are shorter.
  let waiting: Uint8Array[] = [];
  const flush = (): void => {
    if (waiting.length > 0) socket.send(Buffer.concat(waiting));
    waiting = [];
  };
  const bytesLeast = (sampleRate * 2) / 20;
  return {
    send: (samples) => {
      if (socket.readyState !== WebSocket.OPEN) return false;
      waiting.push(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
      if (waiting.reduce((sum, each) => sum + each.length, 0) >= bytesLeast) flush();
      return true;
    },
    stop: () => {
      flush();
      socket.send('{"type":"Terminate"}');
    },
    finalize: () => socket.send('{"type":"ForceEndpoint"}'),
    hangUp: () => socket.terminate(),
  };
}

/** A turn begins where the last one ended, so that what nobody spoke of in between is claimed once. */
function textOf(
  { words, transcript, end_of_turn: isFinal }: Turn,
  start: number,
  sampleRate: number,
): SaidText {
  const sample = (ms: number): number => Math.round((ms * sampleRate) / 1_000);
  const said = words.map((word) => ({ text: word.text, start: sample(word.start), end: sample(word.end) }));
  return { isFinal, start, end: Math.max(start, said.at(-1)?.end ?? start), text: transcript, words: said };
}

/** The three messages that matter; null for what is no message of this protocol. */
function parsed(data: Buffer): Turn | { type: 'Begin'; id: string } | { type: 'Termination' } | null {
  try {
    const message = JSON.parse(data.toString()) as { type?: unknown; id?: unknown; words?: unknown };
    if (message.type === 'Begin') return { type: 'Begin', id: String(message.id).slice(0, 200) };
    if (message.type === 'Termination') return { type: 'Termination' };
    return message.type === 'Turn' && Array.isArray(message.words) ? (message as Turn) : null;
  } catch {
    return null;
  }
}
