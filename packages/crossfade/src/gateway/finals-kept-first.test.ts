import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TranscriptionClient, type TranscriptResult } from '@crossfade/sdk/client/transcription-client';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { KillableGateway } from './killable-gateway.fixture.ts';
import { audioOf, sampleRate, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';

test.each([
  ['shorter', 3],
  ['longer', 5],
])(
  'a gateway killed on the first final leaves no word twice and none out, though the next finals are %s',
  async (_, wordsPerFinal) => {
    const folder = await mkdtemp(join(tmpdir(), 'crossfade-kept-'));
    const upstreams = [await startScriptedUpstream(), await startScriptedUpstream({ wordsPerFinal })];
    const [before, after] = upstreams.map(({ url }) => [{ name: 'control', url }]);
    // What is not written for a reason of its own is not written at all when the final is there.
    const gateway = new KillableGateway({
      folder,
      upstreams: before!,
      serves: 'control',
      writeDelayMs: 5_000,
    });
    await gateway.start();
    const finals: TranscriptResult[] = [];
    let onFirst = (): void => {};
    const first = new Promise<void>((resolve) => (onFirst = resolve));
    const client = new TranscriptionClient({
      url: gateway.url,
      sampleRate,
      WebSocket,
      onResult: (result) => {
        if (!result.isFinal || result.text === '') return;
        finals.push(result);
        if (finals.length > 1) return;
        gateway.signal('SIGKILL');
        onFirst();
      },
    });
    try {
      // One word more than a final takes: the first comes, and no other.
      client.send(audioOf(0, 5));
      await first;
      await gateway.kill();
      await gateway.start({ upstreams: after! });
      client.send(audioOf(5, 15));
      await client.stop();
      expect(finals.map(({ text }) => text).join(' ')).toBe(textOf(0, 20));
      // The second gateway did divide it otherwise.
      expect(finals[2]!.text.split(' ')).toHaveLength(wordsPerFinal);
    } finally {
      client.close();
      await gateway.kill();
      for (const upstream of upstreams) await upstream.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
