import { expect, test } from 'vitest';
import { Departure } from './departure.ts';

const order = { id: 'd-1', rollout: 'r', flag: 'f', variant: 'v', policy: 'migrate' } as const;

function moved(atMs = 1_000): Departure {
  const departure = new Departure(order, 'open');
  departure.moved('migrated', atMs);
  return departure;
}

test('the wait for what was said before the move begins with the move', () => {
  const departure = moved();
  expect(departure.shown(200, 1_250)).toBe(true);
  expect(departure).toMatchObject({ outcome: 'migrated', pauseMs: 250 });
  expect(departure.shown(1_300, 9_000)).toBe(false);
  expect(departure.pauseMs).toBe(250);
});

test('who says nothing for 40 s after the move waits for no text in that time', () => {
  const departure = moved();
  departure.shown(41_000, 41_300);
  expect(departure.pauseMs).toBe(300);
});

test('where nobody knows when it was said, the move is taken', () => {
  const departure = moved();
  departure.shown(Number.POSITIVE_INFINITY, 1_700);
  expect(departure.pauseMs).toBe(700);
});

test('text that comes before the move, or without one, is no wait', () => {
  const departure = new Departure(order, 'open');
  expect(departure.shown(0, 500)).toBe(false);
  departure.settle('rescued');
  expect(departure.shown(0, 600)).toBe(false);
  expect(departure.pauseMs).toBeNull();
});

test('a harder order that comes before the first text takes the time of the move along', () => {
  const departure = Departure.found({ ...order, id: 'd-2', policy: 'cut' }, moved(), true);
  departure.shown(0, 1_400);
  expect(departure).toMatchObject({ outcome: 'migrated', pauseMs: 400 });
});

test('a session of a killed gateway goes on as the journal has it, not as a note has it that came too early or not at all', () => {
  const note = { kind: 'departure', order, pauseMs: null } as const;
  const settled = Departure.restored({ ...note, outcome: 'cut', pauseMs: 90 }, false, true);
  expect(settled).toMatchObject({ outcome: 'cut', pauseMs: 90 });
  for (const outcome of ['open', 'migrated'] as const) {
    const onArm = Departure.restored({ ...note, outcome }, true, false);
    expect(onArm).toMatchObject({ outcome: 'open', pauseMs: null });
    expect(onArm.mustMove(0)).toBe(true);
  }
  expect(Departure.restored({ ...note, outcome: 'open' }, false, true).outcome).toBe('migrated');
  expect(Departure.restored({ ...note, outcome: 'open' }, false, false).outcome).toBe('rescued');
  const finishing = { ...order, policy: 'finish' } as const;
  expect(Departure.restored({ ...note, order: finishing, outcome: 'open' }, true, false).mustMove(0)).toBe(
    false,
  );
});
