import { describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type { Driver, DriverListener } from './driver.ts';
import type { SessionSpec } from './observation.ts';
import { speak } from './speak.ts';

/** A target that says what the test says. */
function scripted(): { readonly driver: Driver; readonly listener: () => DriverListener } {
  let heard: DriverListener | null = null;
  const driver: Driver = {
    protocol: 'scripted',
    connect: (_rate, listener) => {
      heard = listener;
      return { send: () => true, stop: () => undefined, hangUp: () => undefined };
    },
    readStored: () => Promise.resolve(null),
  };
  return { driver, listener: () => heard! };
}

const spec = {
  speech: { sampleRate: 16_000, totalSamples: 16_000, read: () => new Int16Array(1_600) },
  frameMs: 100,
  pace: 1,
  stop: 'close',
  dropAtShare: null,
} as unknown as SessionSpec;

describe('the next partial of a speech', () => {
  it('comes with the next text that is none of a final', async () => {
    const { driver, listener } = scripted();
    const speech = speak({ spec, driver, clock: new ManualClock() });
    let hasCome = false;
    const next = speech.nextPartial().then(() => (hasCome = true));
    listener().onText({ isFinal: true, start: 0, end: 1, text: 'one', words: [] });
    await Promise.resolve();
    expect(hasCome).toBe(false);
    listener().onText({ isFinal: false, start: 1, end: 2, text: 'two', words: [] });
    expect(await next).toBe(true);
  });

  it('is awaited by nobody for ever: not when the speech ends, and not when it is over', async () => {
    const { driver, listener } = scripted();
    const speech = speak({ spec, driver, clock: new ManualClock() });
    const awaited = speech.nextPartial();
    listener().onEnd(null);
    await awaited;
    await speech.nextPartial();
    expect((await speech.over).problem).toBeNull();
  });
});
