/** The public client from npm, unchanged, with only its address changed. */
import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, expect, test } from 'vitest';
import { startTestGateway } from '../packages/crossfade/src/gateway/gateway.fixture.ts';
import {
  audioOf,
  sampleRate,
  startScriptedUpstream,
  textOf,
} from '../packages/crossfade/src/gateway/scripted-upstream.fixture.ts';

const toClose: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

test('partials, finals, Finalize, Metadata and a clean close', async () => {
  const control = await startScriptedUpstream();
  toClose.push(control);
  const gateway = await startTestGateway({
    upstreams: [{ name: 'control', url: control.url }],
    keys: ['local-key'],
  });
  toClose.push(gateway);
  const deepgram = new DeepgramClient({
    apiKey: 'local-key',
    baseUrl: `ws://127.0.0.1:${gateway.gateway.port}`,
  });
  const live = await deepgram.listen.v1.connect({
    model: 'nova-3',
    encoding: 'linear16',
    sample_rate: sampleRate,
    interim_results: 'true',
    Authorization: 'Token local-key',
  });
  const messages: { type: string; is_final?: boolean; transcript: string }[] = [];
  const ended = new Promise<void>((resolve) => {
    live.on('close', () => resolve());
  });
  live.on('message', (message) => {
    const transcript = message.type === 'Results' ? (message.channel.alternatives[0]?.transcript ?? '') : '';
    const isFinal = message.type === 'Results' ? message.is_final === true : false;
    messages.push({ type: message.type, is_final: isFinal, transcript });
    if (message.type === 'Metadata') live.close();
  });
  live.connect();
  await live.waitForOpen();
  for (let word = 0; word < 20; word += 2) live.sendMedia(audioOf(word, 2));
  live.sendFinalize({ type: 'Finalize' });
  live.sendKeepAlive({ type: 'KeepAlive' });
  for (let word = 20; word < 30; word += 2) live.sendMedia(audioOf(word, 2));
  live.sendCloseStream({ type: 'CloseStream' });
  await ended;
  const finals = messages.filter((message) => message.is_final === true && message.transcript !== '');
  expect(finals.map((message) => message.transcript).join(' ')).toBe(textOf(0, 30));
  expect(messages.some((message) => message.type === 'Results' && message.is_final === false)).toBe(true);
  expect(messages.at(-1)?.type).toBe('Metadata');
});
