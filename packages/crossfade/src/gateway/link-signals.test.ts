import { describe, expect, test } from 'vitest';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SessionSignal } from '../transcript/session-record.ts';
import { LinkSignals, type SignalTransport } from './link-signals.ts';

const signal = (i: number): SessionSignal => ({
  kind: 'started',
  sessionId: `session-${i}`,
  arm: 'candidate',
  rollout: { name: 'streaming-2', epoch: 1 },
  userHash: '',
  reason: 'SPLIT',
  startedAtMs: i,
});

/** A link that answers as it is told, and closes after so many waits. */
class ScriptedLink implements SignalTransport {
  readonly batches: string[][] = [];
  readonly waits: number[] = [];
  readonly #waitsMax: number;
  onPost: () => void = () => {};

  constructor(waitsMax: number) {
    this.#waitsMax = waitsMax;
  }

  get isClosed(): boolean {
    return this.waits.length >= this.#waitsMax;
  }

  async post(path: string, body: string): Promise<void> {
    expect(path).toBe('/v1/session-signals');
    this.onPost();
    const { signals } = JSON.parse(body) as { signals: readonly SessionSignal[] };
    this.batches.push(signals.map(({ sessionId }) => sessionId));
  }

  retryMs(failures: number): number {
    return 1_000 * failures;
  }

  async wait(delayMs: number): Promise<void> {
    this.waits.push(delayMs);
  }
}

function linked(waitsMax = 1): {
  readonly link: ScriptedLink;
  readonly signals: LinkSignals;
  readonly log: string[];
} {
  const link = new ScriptedLink(waitsMax);
  const log: string[] = [];
  return { link, log, signals: new LinkSignals(link, (_level, message) => log.push(message), 500) };
}

describe('signals on their way to the control plane', () => {
  test('leave in batches, in the order in which they came', async () => {
    const { link, signals } = linked();
    for (let i = 0; i < 1_500; i++) signals.add(signal(i));
    await signals.run();

    expect(link.batches.map(({ length }) => length)).toEqual([1_000, 500]);
    expect(link.batches.flat()).toEqual(Array.from({ length: 1_500 }, (_, i) => `session-${i}`));
  });

  test('wait for a control plane that is away, and go again with growing waits', async () => {
    const { link, signals } = linked(3);
    let answers = 0;
    link.onPost = () => {
      answers += 1;
      if (answers < 3) throw new Error('refused');
    };
    signals.add(signal(1));
    await signals.run();

    expect(link.waits).toEqual([1_000, 2_000, 500]);
    expect(link.batches).toEqual([['session-1']]);
  });

  test('that come while a batch is on its way go with the next', async () => {
    const { link, signals } = linked();
    let isFirst = true;
    link.onPost = () => {
      if (isFirst) signals.add(signal(2));
      isFirst = false;
    };
    signals.add(signal(1));
    await signals.run();

    expect(link.batches).toEqual([['session-1'], ['session-2']]);
  });

  test('are given up when the control plane says that they are malformed, and the rest goes on', async () => {
    const { link, signals, log } = linked();
    let isFirst = true;
    link.onPost = () => {
      const error = new CrossfadeError('CONTROL_PLANE_UNREACHABLE', 'no', { detail: { status: 400 } });
      if (isFirst) signals.add(signal(2));
      if (!isFirst) return;
      isFirst = false;
      throw error;
    };
    signals.add(signal(1));
    await signals.run();

    expect(link.batches).toEqual([['session-2']]);
    expect(signals.dropped).toBe(1);
    expect(log.join()).toContain('1 signals of sessions were given up');
  });

  test('are given up by age when too many wait, and the log says how many', () => {
    const { signals, log } = linked();
    for (let i = 0; i < 36_001; i++) signals.add(signal(i));

    expect(signals.dropped).toBe(1_001);
    expect(log).toEqual(['1001 signals of sessions were given up: the control plane is away']);
  });
});
