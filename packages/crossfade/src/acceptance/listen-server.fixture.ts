/**
 * A server written from the public description of Deepgram's `/v1/listen`: it shares no code with the gateway, the
 * pipelines or the `wire` room, so that the suite is not only true of ourselves. It "recognizes" what its script says
 * was spoken, by counting bytes; a behaviour may spoil what it says.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface FixtureWord {
  readonly word: string;
  /** Seconds. */
  readonly start: number;
  readonly end: number;
}

export interface ListenBehaviour {
  /** Words by the second at which they end, told the session's number (from 0, the first contact included). */
  wordsOf?(session: number, audio: Int16Array): readonly FixtureWord[];
  /** Says what it likes instead of finals. Called at CloseStream. */
  onStop?(socket: WebSocket, finals: readonly string[]): void;
  /** Called with each frame of audio. */
  onAudio?(socket: WebSocket, bytes: number): void;
  /** Says this build in its answer to the upgrade. */
  readonly build?: string;
  /** Answers the upgrade with this status instead. */
  readonly status?: number;
  /** What it says then. */
  readonly refusal?: string;
}

export interface ListenServer {
  readonly url: string;
  readonly queries: readonly string[];
  close(): Promise<void>;
}

/** One final as the protocol writes it. */
export function resultsText(
  start: number,
  duration: number,
  words: readonly FixtureWord[],
  isFinal = true,
): string {
  return JSON.stringify({
    type: 'Results',
    channel_index: [0, 1],
    duration,
    start,
    is_final: isFinal,
    speech_final: isFinal,
    channel: {
      alternatives: [
        {
          transcript: words.map(({ word }) => word).join(' '),
          confidence: 0.98,
          words: words.map((each) => ({ ...each, confidence: 0.98, punctuated_word: each.word })),
        },
      ],
    },
    metadata: {
      request_id: 'r',
      model_info: { name: 'fixture', version: '1', arch: 'none' },
      model_uuid: 'm',
    },
  });
}

/** `port`: 0 for any. */
export async function startListenServer(behaviour: ListenBehaviour, port = 0): Promise<ListenServer> {
  const http: Server = createServer((_request, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ noServer: true });
  if (behaviour.build !== undefined)
    sockets.on('headers', (headers) => headers.push(`x-crossfade-build: ${behaviour.build}`));
  const queries: string[] = [];
  let sessions = 0;
  http.on('upgrade', (request, socket, head) => {
    queries.push(request.url ?? '');
    if (behaviour.status !== undefined) {
      socket.end(
        `HTTP/1.1 ${behaviour.status} No\r\ndg-error: ${behaviour.refusal ?? 'INVALID_AUTH'}\r\nContent-Length: 0\r\n\r\n`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => serve(ws, behaviour, sessions++));
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/v1/listen`,
    queries,
    close: () =>
      new Promise((resolve) => {
        for (const client of sockets.clients) client.terminate();
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

function serve(socket: WebSocket, behaviour: ListenBehaviour, session: number): void {
  const parts: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) {
      parts.push(data);
      behaviour.onAudio?.(socket, data.length);
      return;
    }
    if ((JSON.parse(data.toString()) as { type: string }).type !== 'CloseStream') return;
    const bytes = Buffer.concat(parts);
    const audio = new Int16Array(bytes.length / 2).map((_, i) => bytes.readInt16LE(2 * i));
    const words = behaviour.wordsOf?.(session, audio) ?? [];
    const finals = [resultsText(0, audio.length / 16_000, words)];
    if (behaviour.onStop !== undefined) {
      behaviour.onStop(socket, finals);
      return;
    }
    for (const final of finals) socket.send(final);
    socket.send(
      JSON.stringify({ type: 'Metadata', request_id: 'r', duration: audio.length / 16_000, channels: 1 }),
    );
    socket.close(1000);
  });
}
