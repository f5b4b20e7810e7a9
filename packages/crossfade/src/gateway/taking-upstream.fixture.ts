/** An upstream for tests that hears nothing: it says a final for each frame, or reads nothing at all. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { sampleRate } from './scripted-upstream.fixture.ts';

export interface TakingUpstream {
  readonly url: string;
  close(): Promise<void>;
}

export async function startTakingUpstream({ reads }: { readonly reads: boolean }): Promise<TakingUpstream> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => {
    let samples = 0;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return;
      const word = {
        word: `w${samples}`,
        start: samples / sampleRate,
        end: (samples + data.length / 2) / sampleRate,
      };
      samples += data.length / 2;
      const channel = { alternatives: [{ transcript: word.word, confidence: 1, words: [word] }] };
      const range = { start: word.start, duration: word.end - word.start };
      socket.send(JSON.stringify({ type: 'Results', ...range, is_final: true, channel }));
    });
    if (!reads) socket.pause();
  });
  await new Promise<void>((resolve) => server.once('listening', () => resolve()));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/listen`,
    close: () => {
      for (const socket of server.clients) socket.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
