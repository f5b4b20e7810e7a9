import { describe, expect, test } from 'vitest';
import { freezeAt, localTime } from './freeze.ts';
import { planOf } from './rollout.fixture.ts';

const berlin = 'Europe/Berlin';
const at = (utc: string) => Date.parse(`${utc}Z`);

function openAt(window: Record<string, unknown>, utc: string): boolean {
  return freezeAt(planOf({ freeze: [{ name: 'w', ...window }] }).freeze, at(utc)) !== null;
}

describe('a freeze window', () => {
  const weekend = { zone: berlin, days: ['fri'], from: '18:00', until: '08:00' };

  test.each([
    ['2026-11-06T16:59', false],
    ['2026-11-06T17:00', true],
    ['2026-11-06T22:59', true],
    ['2026-11-07T06:59', true],
    ['2026-11-07T07:00', false],
    ['2026-11-07T17:00', false],
  ])('from Friday evening over midnight: at %s UTC it is open: %s', (utc, open) => {
    expect(openAt(weekend, utc)).toBe(open);
  });

  test('from Sunday over midnight reaches into Monday', () => {
    const sunday = { zone: 'UTC', days: ['sun'], from: '22:00', until: '06:00' };
    expect(openAt(sunday, '2026-11-09T05:59')).toBe(true);
    expect(openAt(sunday, '2026-11-08T05:59')).toBe(false);
  });

  test('a whole day is from midnight to midnight', () => {
    const saturday = { zone: 'UTC', days: ['sat'], from: '00:00', until: '24:00' };
    expect(openAt(saturday, '2026-11-07T00:00')).toBe(true);
    expect(openAt(saturday, '2026-11-07T23:59')).toBe(true);
    expect(openAt(saturday, '2026-11-08T00:00')).toBe(false);
  });

  test.each([
    ['2026-12-19T22:59', false],
    ['2026-12-19T23:00', true],
    ['2027-01-01T22:59', true],
    ['2027-01-01T23:00', false],
  ])('between two local dates: at %s UTC it is open: %s', (utc, open) => {
    const holidays = { zone: berlin, from: '2026-12-20T00:00', until: '2027-01-02T00:00' };
    expect(openAt(holidays, utc)).toBe(open);
  });
});

describe('when clocks change', () => {
  const night = { zone: berlin, days: ['sun'], from: '02:00', until: '03:00' };

  test('an hour that spring skips never freezes', () => {
    // 2026-03-29 in Berlin: 01:59 is followed by 03:00.
    expect(openAt(night, '2026-03-29T00:59')).toBe(false);
    expect(openAt(night, '2026-03-29T01:00')).toBe(false);
  });

  test('an hour that autumn repeats freezes both times', () => {
    // 2026-10-25 in Berlin: 02:59 is followed by 02:00.
    expect(openAt(night, '2026-10-24T23:59')).toBe(false);
    expect(openAt(night, '2026-10-25T00:00')).toBe(true);
    expect(openAt(night, '2026-10-25T01:59')).toBe(true);
    expect(openAt(night, '2026-10-25T02:00')).toBe(false);
  });

  test('a window over the change keeps its wall time on both sides', () => {
    const office = { zone: berlin, days: ['sat'], from: '20:00', until: '08:00' };
    expect(openAt(office, '2026-03-28T19:00')).toBe(true);
    expect(openAt(office, '2026-03-29T05:59')).toBe(true);
    expect(openAt(office, '2026-03-29T06:00')).toBe(false);
    expect(openAt(office, '2026-10-24T18:00')).toBe(true);
    expect(openAt(office, '2026-10-25T06:59')).toBe(true);
    expect(openAt(office, '2026-10-25T07:00')).toBe(false);
  });
});

test('local time is that of the zone, midnight is hour 0, half-hour zones included', () => {
  expect(localTime('Asia/Kolkata', at('2026-11-01T18:30'))).toEqual({
    day: 1,
    minute: 0,
    text: '2026-11-02T00:00',
  });
  expect(localTime('UTC', at('2026-11-01T23:59'))).toEqual({
    day: 7,
    minute: 1_439,
    text: '2026-11-01T23:59',
  });
});
