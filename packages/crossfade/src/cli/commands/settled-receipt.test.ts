import type { Clock } from '@crossfade/sdk/core/clock';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { expect, test } from 'vitest';
import { isReceiptOpen, settledReceipt } from './settled-receipt.ts';

const open = { receipt: { completedAtMs: null } };
const closed = { receipt: { completedAtMs: 1 } };

/** Time passes as soon as somebody waits. */
function hastyClock(): Clock {
  const clock = new ManualClock();
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, task) => {
      clock.advance(delayMs);
      queueMicrotask(task);
      return () => {};
    },
  };
}

test('a rollback is told when its receipt is closed', async () => {
  const looks: (typeof open | typeof closed)[] = [open, open, closed];
  const look = () => Promise.resolve(looks.shift()!);
  expect(await settledReceipt<typeof open | typeof closed>(open, look, hastyClock())).toBe(closed);
  expect(looks).toEqual([]);
});

test('a receipt that stays open is told as it is after two seconds', async () => {
  const clock = hastyClock();
  const told = await settledReceipt(open, () => Promise.resolve(open), clock);
  expect(isReceiptOpen(told)).toBe(true);
  expect(clock.monotonicMs()).toBe(2_000);
});

test('a look that fails, a closed receipt and none end the wait at once', async () => {
  const fail = () => Promise.reject(new Error('gone'));
  const clock = hastyClock();
  expect(await settledReceipt(closed, fail, clock)).toBe(closed);
  expect(await settledReceipt({ receipt: null }, fail, clock)).toEqual({ receipt: null });
  expect(clock.monotonicMs()).toBe(0);
  expect(await settledReceipt(open, fail, clock)).toBe(open);
});
