/** Every audio format of the protocol and every message of it, through the gateway to a real pipeline and back. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ListenClient, tonePipeline } from '../pipelines/listen-client.fixture.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { encodeAlaw, encodeMulaw } from '../signal/g711.ts';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript } from '../signal/probe-script.ts';
import { startTestGateway, type TestGateway } from './gateway.fixture.ts';

let pipeline: Pipeline;
let gateway: TestGateway | null = null;

beforeAll(async () => {
  pipeline = await tonePipeline();
});
afterAll(() => pipeline.close());
afterEach(() => gateway?.close());

const encode = {
  linear16: (samples: Int16Array) => new Uint8Array(samples.slice().buffer),
  mulaw: encodeMulaw,
  alaw: encodeAlaw,
} as const;

test.each([
  ['linear16', 8_000],
  ['linear16', 16_000],
  ['linear16', 22_050],
  ['linear16', 24_000],
  ['linear16', 44_100],
  ['linear16', 48_000],
  ['mulaw', 8_000],
  ['alaw', 8_000],
  ['mulaw', 16_000],
] as const)('%s at %i Hz is transcribed whole, also by a replay', async (encoding, sampleRate) => {
  // One that is not there, so that control takes over and hears everything from the journal.
  const upstreams = [
    { name: 'control', url: `ws://127.0.0.1:${pipeline.port}/v1/listen` },
    { name: 'next', url: 'ws://127.0.0.1:1/v1/listen' },
  ];
  gateway = await startTestGateway({ upstreams, candidate: 'next' });
  const script = probeScript({ seed: 5, sampleRate, utterances: 3, tailMs: 200 });
  const audio = renderProbe(script);
  const query = { encoding, sample_rate: `${sampleRate}`, vad_events: 'true', utterance_end_ms: '1000' };
  const client = await new ListenClient(gateway.gateway.port, query).open();
  for (let at = 0; at < audio.length; at += 1_000) {
    client.socket.send(encode[encoding](audio.slice(at, at + 1_000)));
    if (at === 5_000) client.say('KeepAlive');
  }
  expect((await client.finish()).code).toBe(1000);

  expect(client.text).toBe(script.utterances.map(({ text }) => text).join(' '));
  const ranges = client.ranges(sampleRate);
  // Finals tile the audio, from its first sample to its last.
  expect(ranges.map(([start]) => start)).toEqual([0, ...ranges.slice(0, -1).map(([, end]) => end)]);
  expect(ranges.at(-1)?.[1]).toBe(script.totalSamples);
  expect(client.messages.some(({ type }) => type === 'SpeechStarted')).toBe(true);
  expect(client.messages.at(-1)).toMatchObject({
    type: 'Metadata',
    duration: script.totalSamples / sampleRate,
  });
  const { pipeline: arm, user } = await gateway.nextRecord();
  expect(arm.refusals).toBeGreaterThan(0);
  expect(user).toMatchObject({ rescuedBy: 'control', samplesCovered: script.totalSamples });
});

test('UtteranceEnd and an answer to Finalize come through, on the clock of the session', async () => {
  gateway = await startTestGateway({
    upstreams: [{ name: 'control', url: `ws://127.0.0.1:${pipeline.port}/v1/listen` }],
  });
  const script = probeScript({ seed: 6, sampleRate: 16_000, utterances: 1, tailMs: 1_500 });
  const client = await new ListenClient(gateway.gateway.port, { utterance_end_ms: '1000' }).open();
  client.sendAudio(renderProbe(script));
  await client.heard((messages) => messages.some(({ type }) => type === 'UtteranceEnd'));
  client.say('Finalize');
  await client.heard((messages) =>
    messages.some((message) => message.type === 'Results' && message.from_finalize),
  );
  await client.finish();
  const end = client.messages.find((message) => message.type === 'UtteranceEnd');
  expect(Math.round((end?.last_word_end ?? 0) * 16_000)).toBe(script.words.at(-1)!.end);
});
