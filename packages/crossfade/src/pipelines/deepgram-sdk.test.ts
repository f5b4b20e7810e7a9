import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript } from '../signal/probe-script.ts';
import { tonePipeline } from './listen-client.fixture.ts';
import type { Pipeline } from './pipeline.ts';

let pipeline: Pipeline | null = null;
afterEach(async () => {
  await pipeline?.close();
  pipeline = null;
});

describe('the Deepgram SDK, unchanged', () => {
  it('gets partials, finals, an answer to Finalize, and Metadata from a pipeline', async () => {
    pipeline = await tonePipeline();
    const script = probeScript({ seed: 1, sampleRate: 16_000, utterances: 3 });
    const audio = renderProbe(script);
    const client = new DeepgramClient({ apiKey: 'local-key', baseUrl: `ws://127.0.0.1:${pipeline.port}` });
    const connection = await client.listen.v1.connect({
      model: 'tone',
      encoding: 'linear16',
      sample_rate: 16_000,
      interim_results: 'true',
      Authorization: 'Token local-key',
    });
    const finals: string[] = [];
    let partials = 0;
    let fromFinalize = 0;
    let seconds = -1;
    connection.on('message', (message) => {
      if (message.type === 'Metadata') seconds = message.duration;
      if (message.type !== 'Results') return;
      const text = message.channel.alternatives[0]!.transcript;
      if (message.is_final !== true) partials += 1;
      else if (text !== '') finals.push(text);
      if (message.from_finalize === true) fromFinalize += 1;
    });
    const closed = new Promise<number>((resolve) => connection.on('close', ({ code }) => resolve(code)));
    connection.connect();
    await connection.waitForOpen();
    for (let at = 0; at < audio.length; at += 1_600) {
      if (at === 8_000) connection.sendFinalize({ type: 'Finalize' });
      connection.sendMedia(new Uint8Array(audio.slice(at, at + 1_600).buffer));
    }
    connection.sendCloseStream({ type: 'CloseStream' });
    expect(await closed).toBe(1000);
    connection.close();
    expect(finals.join(' ')).toBe(script.utterances.map(({ text }) => text).join(' '));
    expect(partials).toBeGreaterThan(5);
    expect(fromFinalize).toBe(1);
    expect(seconds).toBe(script.totalSamples / 16_000);
  });
});
