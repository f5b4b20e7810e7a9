import { describe, expect, it } from 'vitest';
import { hasCode } from '@crossfade/sdk/core/errors';
import { CommandQueue } from './command-queue.ts';

function gate() {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

describe('CommandQueue', () => {
  it('runs one after the other, an urgent one before all that wait', async () => {
    const queue = new CommandQueue();
    const order: string[] = [];
    const open = gate();
    const note = (word: string) => async () => void order.push(word);

    const first = queue.run(() => open.promise.then(() => void order.push('first')));
    const waiting = queue.run(note('waiting'));
    const urgent = queue.run(note('urgent'), { urgent: true });
    open.resolve();
    await Promise.all([first, waiting, urgent]);

    expect(order).toEqual(['first', 'urgent', 'waiting']);
  });

  it('goes on after a task that failed, and tells its caller alone', async () => {
    const queue = new CommandQueue();
    const failed = queue.run(() => Promise.reject(new Error('broken')));
    const next = queue.run(() => Promise.resolve('fine'));
    await expect(failed).rejects.toThrow('broken');
    await expect(next).resolves.toBe('fine');
  });

  it('refuses more than a thousand that wait, but never an urgent one', async () => {
    const queue = new CommandQueue();
    const open = gate();
    void queue.run(() => open.promise);
    for (let i = 0; i < 1_000; i++) void queue.run(() => Promise.resolve());

    const refused = await queue.run(() => Promise.resolve()).catch((error: unknown) => error);
    const urgent = queue.run(() => Promise.resolve('taken'), { urgent: true });
    open.resolve();

    expect(hasCode(refused, 'STORE_UNAVAILABLE')).toBe(true);
    await expect(urgent).resolves.toBe('taken');
    await queue.drained();
  });
});
