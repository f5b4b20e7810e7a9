import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ChildSettings } from './gateway-child.fixture.ts';
import { KillableGateway } from './killable-gateway.fixture.ts';
import { audioOf, sampleRate, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function startUpstream(wordsPerFinal: number): Promise<Pick<ChildSettings, 'upstreams'>> {
  const upstream = await startScriptedUpstream({ wordsPerFinal });
  closers.push(() => upstream.close());
  return { upstreams: [{ name: 'control', url: upstream.url }] };
}

/** A gateway over files, before an upstream that makes a final of every four words. */
async function startGateway(journal: ChildSettings['journal']): Promise<{
  readonly gateway: KillableGateway;
  readonly folder: string;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'crossfade-kept-'));
  const settings = { folder, serves: 'control', ...(await startUpstream(4)) };
  const gateway = new KillableGateway({ ...settings, ...(journal === undefined ? {} : { journal }) });
  closers.push(
    () => rm(folder, { recursive: true, force: true }),
    () => gateway.kill(),
  );
  await gateway.start();
  return { gateway, folder };
}

interface Speaker {
  readonly client: TranscriptionClient;
  /** Texts of finals in the order in which they came. */
  readonly finals: readonly string[];
  /** Resolves when so many are there; `then` is called at that very moment. */
  heard(count: number, then?: () => void): Promise<void>;
}

function speak(gateway: KillableGateway): Speaker {
  const finals: string[] = [];
  let onFinal = (): void => {};
  const client = new TranscriptionClient({
    url: gateway.url,
    sampleRate,
    WebSocket,
    onResult: ({ isFinal, text }) => {
      if (!isFinal || text === '') return;
      finals.push(text);
      onFinal();
    },
  });
  closers.push(() => Promise.resolve(client.close()));
  const heard = (count: number, then = (): void => {}): Promise<void> =>
    new Promise((resolve) => {
      onFinal = () => {
        if (finals.length < count) return;
        onFinal = () => {};
        then();
        resolve();
      };
      onFinal();
    });
  return { client, finals, heard };
}

const dividedOtherwise = [
  ['shorter', 3],
  ['longer', 5],
] as const;

test.each(dividedOtherwise)(
  'a gateway killed on a final leaves no word twice and none out, though the next finals are %s',
  async (_, wordsPerFinal) => {
    // What is not written for a reason of its own is not written at all when the final is there.
    const { gateway } = await startGateway({ writeDelayMs: 5_000 });
    const { client, finals, heard } = speak(gateway);
    // One word more than a final takes: the first comes, and no other.
    client.send(audioOf(0, 5));
    await heard(1, () => gateway.signal('SIGKILL'));
    await gateway.kill();
    await gateway.start(await startUpstream(wordsPerFinal));
    client.send(audioOf(5, 15));
    await client.stop();
    expect(finals.join(' ')).toBe(textOf(0, 20));
    // The second gateway did divide it otherwise.
    expect(finals[2]!.split(' ')).toHaveLength(wordsPerFinal);
  },
  60_000,
);

test.each(dividedOtherwise)(
  'a power cut that takes a final which the client has repeats no word and leaves none out, though the next are %s',
  async (_, wordsPerFinal) => {
    const { gateway, folder } = await startGateway({ commitIntervalMs: 60_000 });
    const [files, flushed] = [join(folder, 'journal'), join(folder, 'flushed')];
    const { client, finals, heard } = speak(gateway);
    client.send(audioOf(0, 5));
    await heard(1);
    await cp(files, flushed, { recursive: true });
    client.send(audioOf(5, 4));
    await heard(2);
    await gateway.kill();
    await rm(files, { recursive: true });
    await cp(flushed, files, { recursive: true });
    await gateway.start(await startUpstream(wordsPerFinal));
    client.send(audioOf(9, 11));
    await client.stop();
    expect(finals.join(' ')).toBe(textOf(0, 20));
  },
  60_000,
);
