import { below, seededRandom } from '@crossfade/sdk/core/random';
import { expect, test } from 'vitest';
import { openStockClient, startTestGateway } from './gateway.fixture.ts';
import {
  audioOf,
  type Fault,
  type Script,
  startScriptedUpstream,
  textOf,
  wordSamples,
} from './scripted-upstream.fixture.ts';

const sessions = 40;
const words = 60;

/** Every second connection of an upstream breaks, in a way and at a moment that the seed decides. */
function breaking(
  seed: number,
  kinds: readonly ('die' | 'close' | 'stall' | 'skip' | 'refuse' | 'repeat')[],
): Script {
  const random = seededRandom(seed);
  return {
    wordsPerFinal: 3,
    fault: (): Fault | null => {
      if (random.next() < 0.5) return null;
      const kind = kinds[below(random, kinds.length)]!;
      const atSample = below(random, words * wordSamples);
      if (kind === 'refuse' || kind === 'repeat') return { kind };
      if (kind === 'skip') return { kind, atSample, samples: 1 + below(random, 4_000) };
      return { kind, atSample };
    },
  };
}

/** Sends the words in frames of random whole-sample sizes, so that frames, finals and faults fall anywhere. */
async function speak(url: string, seed: number): Promise<string> {
  const random = seededRandom(seed);
  const client = await openStockClient(url);
  const audio = audioOf(0, words);
  for (let at = 0; at < audio.length;) {
    const bytes = 2 * (1 + below(random, 3_200));
    client.send(audio.slice(at, at + bytes));
    at += bytes;
    if (random.next() < 0.2) await new Promise((resolve) => setImmediate(resolve));
  }
  client.say('CloseStream');
  expect((await client.closed).code).toBe(1000);
  return client.text();
}

test.each([1, 2, 3, 4])(
  'random faults in candidate and control lose no word and repeat none (seed %i)',
  async (seed) => {
    const control = await startScriptedUpstream(
      breaking(seed, ['die', 'close', 'stall', 'refuse', 'repeat']),
    );
    const candidate = await startScriptedUpstream(
      breaking(seed + 100, ['die', 'close', 'stall', 'skip', 'refuse', 'repeat']),
    );
    const running = await startTestGateway({
      upstreams: [
        { name: 'control', url: control.url },
        { name: 'next', url: candidate.url },
      ],
      candidate: 'next',
      limits: { stallMs: 300 },
    });
    try {
      const texts = await Promise.all(
        Array.from({ length: sessions }, (_, index) => speak(running.url(), seed * 1_000 + index)),
      );
      for (const text of texts) expect(text).toBe(textOf(0, words));
      const records = await running.sessions.records();
      expect(records).toHaveLength(sessions);
      for (const { record } of records) {
        expect(record.user).toMatchObject({
          samplesCovered: words * wordSamples,
          orphans: 0,
          duplicateEntries: 0,
        });
      }
      // The faults did happen, and the arm is charged with them.
      expect(records.filter(({ record }) => record.pipeline.failed).length).toBeGreaterThan(sessions / 10);
    } finally {
      await running.close();
      await candidate.close();
      await control.close();
    }
  },
);
