import { expect, test } from 'vitest';
import { AddressGuard } from './address-guard.ts';

const guardOf = () => new AddressGuard({ connectionsPerAddressMax: 3, connectsPerSecondMax: 2 });

test('one address has no more connections than its limit, and another one is not concerned', () => {
  const guard = guardOf();
  for (let each = 0; each < 3; each += 1) expect(guard.admit('a', 0)).toBeNull();
  expect(guard.admit('a', 10_000)).toMatch(/at most 3 connections of one address/);
  expect(guard.admit('b', 0)).toBeNull();
  guard.gone('a');
  expect(guard.admit('a', 20_000)).toBeNull();
});

test('an address that comes back again and again is slowed down to its rate', () => {
  const guard = guardOf();
  let admitted = 0;
  for (let atMs = 0; atMs < 10_000; atMs += 10) {
    if (guard.admit('a', atMs) !== null) continue;
    admitted += 1;
    guard.gone('a');
  }
  // The first burst of 3, then 2 a second.
  expect(admitted).toBe(3 + 19);
  expect(guard.admit('a', 9_999)).toMatch(/at most 2 new connections a second/);
});

test('addresses that are gone are forgotten, whoever many they were', () => {
  const guard = guardOf();
  for (let each = 0; each < 20_000; each += 1) {
    guard.admit(`address ${each}`, 0);
    guard.gone(`address ${each}`);
  }
  expect(guard.size).toBeLessThanOrEqual(10_001);
  guard.sweep(1_000);
  expect(guard.size).toBe(0);
});
