import { describe, expect, it } from 'vitest';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type { PendingOutboxItem } from '../store/store.ts';
import { Notifier } from './notifier.ts';

function setUp(ids: readonly string[]) {
  const pending = new Map<string, PendingOutboxItem>(
    ids.map((id) => [id, { id, kind: 'paused', payload: '{}', createdAtMs: 0, attempts: 0 }]),
  );
  const sent: string[] = [];
  const broken = new Set<string>();
  const clock = new ManualClock();
  const notifier = new Notifier({
    clock,
    log: silentLog,
    store: {
      pendingOutbox: async (limit) => [...pending.values()].slice(0, limit),
      settleOutbox: async (id, result) => void (result.sent && pending.delete(id)),
    },
    sender: {
      async send({ id }) {
        if (broken.has(id)) throw new Error('refused');
        sent.push(id);
      },
    },
  });
  return { notifier, pending, sent, broken, clock };
}

describe('Notifier', () => {
  it('sends each notice once when all goes well', async () => {
    const { notifier, sent } = setUp(['a', 'b']);
    expect(await notifier.flush()).toBe(2);
    expect(await notifier.flush()).toBe(0);
    expect(sent).toEqual(['a', 'b']);
  });

  it('retries with growing waits, and one that fails keeps no other back', async () => {
    const { notifier, sent, broken, clock } = setUp(['a', 'b']);
    broken.add('a');
    await notifier.flush();
    expect(sent).toEqual(['b']);

    broken.clear();
    await notifier.flush();
    expect(sent).toEqual(['b']);

    clock.advance(1_000);
    await notifier.flush();
    expect(sent).toEqual(['b', 'a']);
  });

  it('gives a notice up after twelve failures and leaves it in the outbox for the next start', async () => {
    const { notifier, pending, sent, broken, clock } = setUp(['a']);
    broken.add('a');
    for (let i = 0; i < 50; i++) {
      await notifier.flush();
      clock.advance(300_000);
    }
    broken.clear();
    await notifier.flush();
    expect(sent).toEqual([]);
    expect(pending.has('a')).toBe(true);
  });
});
