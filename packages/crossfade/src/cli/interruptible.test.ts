import { once } from 'node:events';
import { expect, test } from 'vitest';
import { interruptible } from './interruptible.ts';

const listeners = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');

test('work is told to end by the first signal, with its reason, and nothing listens afterwards', async () => {
  const before = listeners();
  const reason = await interruptible(
    async (signal) => {
      expect(listeners()).toBe(before + 2);
      process.emit('SIGTERM', 'SIGTERM');
      if (!signal.aborted) await once(signal, 'abort');
      return signal.reason as unknown;
    },
    (name) => `stopped by ${name}`,
  );
  expect(reason).toBe('stopped by SIGTERM');
  expect(listeners()).toBe(before);
});

test('work that fails leaves no listener either', async () => {
  const before = listeners();
  await expect(interruptible(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(listeners()).toBe(before);
});

test('one more of the same signal is not caught', async () => {
  const before = process.listenerCount('SIGINT');
  await interruptible(async () => {
    process.emit('SIGINT', 'SIGINT');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
