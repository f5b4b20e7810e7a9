import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { encodeAlaw, encodeMulaw } from '../signal/g711.ts';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript, type ProbeOptions, type ProbeScript } from '../signal/probe-script.ts';
import { resample } from '../signal/resample.ts';
import { ListenClient, tonePipeline } from './listen-client.fixture.ts';
import type { Pipeline } from './pipeline.ts';
import type { PipelineOptions } from './pipeline-options.ts';

const started: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((pipeline) => pipeline.close()));
});

async function start(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  const pipeline = await tonePipeline(options);
  started.push(pipeline);
  return pipeline;
}

async function connect(
  options: Partial<PipelineOptions> = {},
  query: Record<string, string> = {},
): Promise<ListenClient> {
  const { port } = await start(options);
  return new ListenClient(port, query).open();
}

function speech(options: Partial<ProbeOptions> = {}): {
  script: ProbeScript;
  audio: Int16Array;
  text: string;
} {
  const script = probeScript({ seed: 1, sampleRate: 16_000, utterances: 3, ...options });
  return { script, audio: renderProbe(script), text: script.utterances.map(({ text }) => text).join(' ') };
}

describe('the streaming pipeline', () => {
  it('transcribes every word up to the stop, says Metadata, and closes with 1000', async () => {
    const { script, audio, text } = speech();
    const client = await connect();
    client.sendAudio(audio);
    expect(await client.finish()).toEqual({ code: 1000, reason: '' });
    expect(client.text).toBe(text);
    expect(client.messages.at(-1)).toMatchObject({
      type: 'Metadata',
      duration: script.totalSamples / 16_000,
    });
    expect(client.messages.filter(({ type }) => type === 'Metadata')).toHaveLength(1);
  });

  it('tiles the audio with finals, silence included', async () => {
    const { script, audio } = speech({ leadMs: 7_000, tailMs: 6_000 });
    const client = await connect();
    client.sendAudio(audio, 777);
    await client.finish();
    const ranges = client.ranges();
    expect(ranges.map(([from]) => from)).toEqual([0, ...ranges.slice(0, -1).map(([, end]) => end)]);
    expect(ranges.at(-1)![1]).toBe(script.totalSamples);
    expect(client.finals.some(({ channel }) => channel.alternatives[0]!.transcript === '')).toBe(true);
  });

  it('shows growing partials only when they were asked for', async () => {
    const { audio, text } = speech();
    for (const interim of ['true', 'false']) {
      const client = await connect({}, { interim_results: interim });
      client.sendAudio(audio);
      await client.finish();
      expect(client.partials.length > 10).toBe(interim === 'true');
      expect(client.text).toBe(text);
    }
  });

  it('ends an utterance at the pause, before any more speech, and says so', async () => {
    const { script, audio } = speech({ utterances: 1, tailMs: 400 });
    const client = await connect();
    client.sendAudio(audio);
    await client.heard((messages) =>
      messages.some((message) => message.type === 'Results' && message.speech_final),
    );
    const final = client.finals[0]!;
    const waitedMs = (final.start + final.duration) * 1_000 - script.words.at(-1)!.end / 16;
    expect(waitedMs).toBeGreaterThanOrEqual(290);
    expect(waitedMs).toBeLessThanOrEqual(310);
    client.socket.terminate();
  });

  it('waits for a pause as long as the client wants, or for none', async () => {
    const { audio, text } = speech({ silenceMs: [700, 700] });
    const longer = await connect({}, { endpointing: '1000' });
    longer.sendAudio(audio);
    await longer.finish();
    expect(longer.finals.filter((final) => final.speech_final)).toEqual([]);
    const none = await connect({}, { endpointing: 'false' });
    none.sendAudio(audio);
    await none.finish();
    expect(none.finals.filter((final) => final.speech_final)).toEqual([]);
    expect([longer.text, none.text]).toEqual([text, text]);
  });

  it('answers Finalize with a final of everything so far, marked so, and goes on', async () => {
    const { script, audio, text } = speech();
    const client = await connect();
    const cut = script.words[2]!.end + 200;
    client.sendAudio(audio.subarray(0, cut));
    client.say('Finalize');
    await client.heard((messages) =>
      messages.some((message) => message.type === 'Results' && message.from_finalize),
    );
    expect(client.ranges().at(-1)![1]).toBe(cut);
    client.say('Finalize');
    client.sendAudio(audio.subarray(cut));
    await client.finish();
    expect(client.finals.filter((final) => final.from_finalize)).toHaveLength(1);
    expect(client.text).toBe(text);
  });

  it('says SpeechStarted and UtteranceEnd only when asked', async () => {
    const { script, audio } = speech({ silenceMs: [1_500, 1_500], tailMs: 1_500 });
    const asked = await connect({}, { vad_events: 'true', utterance_end_ms: '1000' });
    asked.sendAudio(audio);
    await asked.finish();
    const ends = asked.messages.flatMap((message) =>
      message.type === 'UtteranceEnd' ? [message.last_word_end] : [],
    );
    expect(ends).toEqual(script.utterances.map(({ end }) => end / 16_000));
    const starts = asked.messages.flatMap((message) =>
      message.type === 'SpeechStarted' ? [message.timestamp] : [],
    );
    starts.forEach((at, i) => expect(Math.abs(at - script.utterances[i]!.start / 16_000)).toBeLessThan(0.03));
    expect(starts).toHaveLength(3);
    const silent = await connect();
    silent.sendAudio(audio);
    await silent.finish();
    expect(new Set(silent.messages.map(({ type }) => type))).toEqual(new Set(['Results', 'Metadata']));
  });

  it('gives words their times in full precision: samples come back exact', async () => {
    const { script, audio } = speech({ sampleRate: 44_100 });
    const client = await connect({}, { sample_rate: '44100' });
    client.sendAudio(audio);
    await client.finish();
    const words = client.finals.flatMap(({ channel }) => channel.alternatives[0]!.words);
    expect(
      words.map(({ word, start, end }) =>
        [word, start * 44_100, end * 44_100].map((value) =>
          typeof value === 'number' ? Math.round(value) : value,
        ),
      ),
    ).toEqual(script.words.map(({ text, start, end }) => [text, start, end]));
    for (const { start } of words)
      expect(Math.abs(start * 44_100 - Math.round(start * 44_100))).toBeLessThan(1e-6);
  });

  it.each([
    ['mulaw', encodeMulaw],
    ['alaw', encodeAlaw],
  ] as const)('takes %s at 8 kHz', async (encoding, encode) => {
    const { script, audio, text } = speech({ sampleRate: 8_000 });
    const client = await connect({}, { encoding, sample_rate: '8000' });
    client.socket.send(encode(audio));
    await client.finish();
    expect(client.text).toBe(text);
    expect(client.ranges(8_000).at(-1)![1]).toBe(script.totalSamples);
  });

  it('resamples a rate that the engine does not take, and keeps the clock of the stream', async () => {
    const { audio, text } = speech();
    const odd = resample(audio, 16_000, 11_025);
    const client = await connect({}, { sample_rate: '11025' });
    client.sendAudio(odd);
    client.sendAudio(new Int16Array(400));
    await client.finish();
    expect(client.text).toBe(text);
    const ranges = client.ranges(11_025);
    expect(ranges.map(([from]) => from)).toEqual([0, ...ranges.slice(0, -1).map(([, end]) => end)]);
    expect(ranges.at(-1)![1]).toBe(odd.length + 400);
  });

  it('takes an empty binary frame for CloseStream, and nothing after it', async () => {
    const { audio, text } = speech();
    const client = await connect();
    client.sendAudio(audio);
    client.socket.send(new Uint8Array(0));
    client.sendAudio(audio);
    expect((await client.closed).code).toBe(1000);
    expect(client.text).toBe(text);
  });

  it('closes an empty stream in order', async () => {
    const client = await connect();
    expect((await client.finish()).code).toBe(1000);
    expect(client.messages).toMatchObject([{ type: 'Metadata', duration: 0 }]);
  });

  it('frees everything when a client vanishes', async () => {
    const pipeline = await start();
    const client = await new ListenClient(pipeline.port).open();
    client.sendAudio(speech().audio);
    await client.settled();
    expect(await pipeline.stats()).toMatchObject({ sessions: 1, sessionsTotal: 1 });
    client.socket.terminate();
    await expect.poll(async () => (await pipeline.stats()).sessions).toBe(0);
  });

  it('keeps 40 sessions apart', async () => {
    const { port } = await start();
    const sessions = await Promise.all(
      Array.from({ length: 40 }, async (_, seed) => {
        const { audio, text } = speech({ seed });
        const client = await new ListenClient(port).open();
        client.sendAudio(audio, 3_200);
        await client.finish();
        return { heard: client.text, text };
      }),
    );
    expect(sessions.map(({ heard }) => heard)).toEqual(sessions.map(({ text }) => text));
  });

  it('names its build and the request, and echoes the token protocol of a browser', async () => {
    const { port } = await start({ build: 'candidate-7' });
    const client = await new ListenClient(port, {}, ['token', 'some-key']).open();
    expect(client.headers).toMatchObject({
      'x-crossfade-build': 'candidate-7',
      'sec-websocket-protocol': 'token',
    });
    expect(client.headers['dg-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    client.socket.terminate();
  });

  it('ends with 1011 NET-0001 after ten seconds without audio or KeepAlive, and not before', async () => {
    const clock = new ManualClock();
    const client = await connect({ clock });
    clock.advance(9_000);
    client.say('KeepAlive');
    await client.settled();
    clock.advance(9_000);
    client.sendAudio(new Int16Array(160));
    await client.settled();
    clock.advance(9_999);
    await client.settled();
    clock.advance(1);
    expect(await client.closed).toEqual({ code: 1011, reason: 'NET-0001' });
    expect(client.messages.at(-1)).toMatchObject({ type: 'Error', variant: 'NET-0001' });
  });

  it('tells its clients when it stops', async () => {
    const pipeline = await start();
    const client = await new ListenClient(pipeline.port).open();
    await pipeline.close();
    expect((await client.closed).code).toBe(1001);
    await pipeline.close();
  });

  it('answers GET /healthz and nothing else', async () => {
    const pipeline = await start({ build: 'b-1' });
    const client = await new ListenClient(pipeline.port).open();
    const health = await fetch(`http://127.0.0.1:${pipeline.port}/healthz`);
    expect(await health.json()).toMatchObject({
      kind: 'streaming',
      build: 'b-1',
      sessions: 1,
      engines: [{ name: 'tone', ok: true }],
      rssBytes: expect.any(Number),
      cpuMs: expect.any(Number),
      pids: [process.pid],
    });
    const other = await fetch(`http://127.0.0.1:${pipeline.port}//x`);
    expect(other.status).toBe(404);
    expect(await other.json()).toMatchObject({ message: expect.stringContaining('/v1/listen') });
    client.socket.terminate();
    await once(client.socket, 'close');
  });
});

describe('the legacy pipeline', () => {
  const chunk = 32_000;

  it('gives a final for each full chunk of two seconds, wherever the words are', async () => {
    const { audio } = speech({ durationMs: 9_000 });
    const client = await connect({ kind: 'legacy' });
    client.sendAudio(audio, 5_000);
    await client.finish();
    expect(client.ranges()).toEqual([0, 1, 2, 3].map((i) => [i * chunk, (i + 1) * chunk]));
    expect(client.finals.every((final) => !final.speech_final)).toBe(true);
  });

  it('drops the unfinished chunk at the stop, without a final', async () => {
    const { script, audio } = speech({ durationMs: 5_500, speakToEnd: true });
    const client = await connect({ kind: 'legacy' });
    client.sendAudio(audio);
    expect((await client.finish()).code).toBe(1000);
    expect(client.ranges().at(-1)![1]).toBe(2 * chunk);
    expect(client.messages.at(-1)).toMatchObject({
      type: 'Metadata',
      duration: script.totalSamples / 16_000,
    });
    expect(client.text.split(' ').length).toBeLessThan(script.words.length - 3);
  });

  it('shows at most one partial in a second', async () => {
    const { audio } = speech({ utterances: 30, durationMs: 12_000, silenceMs: [50, 100] });
    const client = await connect({ kind: 'legacy' });
    client.sendAudio(audio, 160);
    await client.finish();
    expect(client.partials.length).toBeGreaterThan(2);
    expect(client.partials.length).toBeLessThanOrEqual(12);
  });

  it('does nothing on Finalize', async () => {
    const { audio } = speech({ durationMs: 1_500 });
    const client = await connect({ kind: 'legacy' });
    client.sendAudio(audio);
    client.say('Finalize');
    await client.finish();
    expect(client.finals).toEqual([]);
  });

  it('cuts chunks at the same samples when one frame holds several', async () => {
    const { audio, text } = speech({ durationMs: 8_000 });
    const client = await connect({ kind: 'legacy' });
    client.sendAudio(audio, 128_000);
    await client.finish();
    expect(client.ranges()).toEqual([0, 1, 2, 3].map((i) => [i * chunk, (i + 1) * chunk]));
    expect(text.startsWith(client.text)).toBe(true);
  });
});
