import { expect, test } from 'vitest';
import { CrossedUsers, crossedSentence } from './crossed-users.ts';

const hash = (user: number): string =>
  Math.imul(user, 0x9e3779b1).toString(16).replace('-', '').padStart(8, '0');

test('a user on both sides of one epoch is counted once, and one who changes sides with the epoch is not', () => {
  const crossed = new CrossedUsers();
  for (const arm of ['candidate', 'control', 'candidate'] as const) crossed.add(1, hash(1), arm);
  crossed.add(1, hash(2), 'control');
  expect(crossed.counts(1)).toEqual({ users: 2, crossed: 1 });
  crossed.add(2, hash(2), 'candidate');
  crossed.add(1, hash(3), 'candidate');
  expect(crossed.counts(2)).toEqual({ users: 1, crossed: 0 });
  expect(crossed.counts(1)).toEqual({ users: 0, crossed: 0 });
});

test('a session without a user is on no side', () => {
  const crossed = new CrossedUsers();
  for (const arm of ['candidate', 'control'] as const) crossed.add(1, '', arm);
  expect(crossed.counts(1)).toEqual({ users: 0, crossed: 0 });
});

test('of very many users a part is remembered, in which the share of those on both sides is the same', () => {
  const crossed = new CrossedUsers();
  for (let user = 1; user <= 100_000; user++) {
    crossed.add(1, hash(user), 'control');
    if (Math.floor(user / 1_000) % 20 === 0) crossed.add(1, hash(user), 'candidate');
  }
  const { users, crossed: both } = crossed.counts(1);
  expect(users).toBeLessThanOrEqual(8_192);
  expect(users).toBeGreaterThan(4_000);
  expect(both / users).toBeGreaterThan(0.04);
  expect(both / users).toBeLessThan(0.06);
  expect(crossedSentence({ users, crossed: both })).toMatch(/were on both sides within one epoch/);
});

test('what is saved goes on as if nothing had happened', () => {
  const crossed = new CrossedUsers();
  for (let user = 1; user <= 20_000; user++) crossed.add(3, hash(user), 'control');
  const again = CrossedUsers.fromJSON(
    JSON.parse(JSON.stringify(crossed)) as ReturnType<CrossedUsers['toJSON']>,
  );
  for (const each of [crossed, again])
    for (let user = 1; user <= 20_000; user += 7) each.add(3, hash(user), 'candidate');
  expect(again.counts(3)).toEqual(crossed.counts(3));
  expect(again.counts(3).crossed).toBeGreaterThan(0);
});

test.each([
  [{ users: 1_000, crossed: 2 }, false],
  [{ users: 10, crossed: 3 }, true],
  [{ users: 1_000, crossed: 9 }, false],
  [{ users: 1_000, crossed: 10 }, true],
])('%o is a pattern: %s', (counts, isPattern) => {
  expect(crossedSentence(counts) !== null).toBe(isPattern);
});
