import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instantOf } from './instant.ts';

test('a date is midnight UTC, a time needs its zone', () => {
  expect(instantOf('2026-03-01')).toBe(Date.UTC(2026, 2, 1));
  expect(instantOf('2026-03-01T12:30Z')).toBe(Date.UTC(2026, 2, 1, 12, 30));
  expect(instantOf('2026-03-01T12:30:15.250+02:00')).toBe(Date.UTC(2026, 2, 1, 10, 30, 15, 250));
  expect(instantOf('2026-03-01T12:30:15-05:30')).toBe(Date.UTC(2026, 2, 1, 18, 0, 15));
  expect(instantOf('2026-03-01T12:30:15')).toBeUndefined();
});

test('numbers are milliseconds since 1970, a Date is its time', () => {
  expect(instantOf(1_750_000_000_000)).toBe(1_750_000_000_000);
  expect(instantOf(new Date(5))).toBe(5);
});

test('reads every instant that toISOString writes', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0100-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => {
        expect(instantOf(date.toISOString())).toBe(date.getTime());
      },
    ),
  );
});

test.each([
  '2026-02-30',
  '2026-13-01',
  '2026-01-01T24:00Z',
  '2026-01-01T00:60Z',
  'yesterday',
  '',
  '1',
  '2026-1-1',
  'x'.repeat(60),
])('no instant in %j', (text) => {
  expect(instantOf(text)).toBeUndefined();
});

test.each([Number.NaN, Infinity, 9e15, 10n, null, undefined, true, {}, [], new Date(Number.NaN)])(
  'no instant in %s',
  (value) => {
    expect(instantOf(value)).toBeUndefined();
  },
);

test('a Date that lies about its time is read by the time it holds', () => {
  const liar = Object.assign(new Date(5), {
    getTime() {
      throw new Error('never called');
    },
  });
  expect(instantOf(liar)).toBe(5);
});
