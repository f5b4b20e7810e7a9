import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Journal } from '../journal/journal.ts';
import { openStockClient, startTestGateway, type TestGateway } from './gateway.fixture.ts';
import { audioOf, sampleRate, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';

const toClose: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

/** A journal on a disk that takes `accepted` commits, is full for the next `refusals`, and has room again. */
function fullFor(refusals: number, accepted = 0): (journal: Journal) => Journal {
  let taken = 0;
  let left = refusals;
  return (journal) =>
    new Proxy(journal, {
      get: (target, name) => {
        if (name === 'commit' && taken++ >= accepted && left > 0) {
          return () => {
            left -= 1;
            return Promise.reject(new CrossfadeError('JOURNAL_UNAVAILABLE', 'Expected room, got ENOSPC.'));
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
}

async function gatewayOn(seenJournal: (journal: Journal) => Journal): Promise<TestGateway> {
  const control = await startScriptedUpstream({});
  toClose.push(control);
  const upstreams = [{ name: 'control', url: control.url }];
  const running = await startTestGateway({ upstreams, seenJournal });
  toClose.push(running);
  return running;
}

test('a session that ends on a full disk is stored when there is room again, without a restart', async () => {
  const { url, nextRecord, gateway } = await gatewayOn(fullFor(2));
  const client = await openStockClient(url());
  client.send(audioOf(0, 20));
  client.say('CloseStream');

  expect(await client.closed).toMatchObject({ code: 1013 });
  expect(gateway.stats().sessions).toBe(1);
  expect((await nextRecord()).user).toMatchObject({ orphans: 0, samplesCovered: 20 * 800 });
  expect(gateway.stats().sessions).toBe(0);
});

test('a client that comes back while its session is being stored gets the whole transcript, not "unknown"', async () => {
  const { url } = await gatewayOn(fullFor(1, 1));
  const texts: string[] = [];
  const connections: boolean[] = [];
  const client = new TranscriptionClient({
    url: url().replace(/\?.*/, ''),
    sampleRate,
    WebSocket,
    onResult: ({ isFinal, text }) => isFinal && text !== '' && texts.push(text),
    onConnection: (isLive) => connections.push(isLive),
  });
  client.send(audioOf(0, 20));
  await client.stop();

  expect(texts.join(' ')).toBe(textOf(0, 20));
  // Sent away at least once: it did come back while the disk was full.
  expect(connections.filter((isLive) => !isLive).length).toBeGreaterThan(0);
});
