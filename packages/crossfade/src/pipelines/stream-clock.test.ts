import { describe, expect, it } from 'vitest';
import { StreamClock } from './stream-clock.ts';

describe('the stream clock', () => {
  it('maps a range to itself while nothing is lost', () => {
    const clock = new StreamClock();
    clock.feed(100);
    expect(clock.piecesOf(20, 70)).toEqual([{ start: 20, end: 70 }]);
    expect(clock.piecesOf(20, 20)).toEqual([]);
  });

  it('leaves lost audio out of every range', () => {
    const clock = new StreamClock();
    clock.feed(100);
    clock.lose(30);
    clock.feed(50);
    clock.lose(5);
    clock.lose(5);
    clock.feed(10);
    expect([clock.received, clock.fed]).toEqual([200, 160]);
    expect(clock.piecesOf(0, 160)).toEqual([
      { start: 0, end: 100 },
      { start: 130, end: 180 },
      { start: 190, end: 200 },
    ]);
  });

  it('puts an end before a loss and a start behind it', () => {
    const clock = new StreamClock();
    clock.feed(100);
    clock.lose(30);
    clock.feed(50);
    expect(clock.piecesOf(90, 100)).toEqual([{ start: 90, end: 100 }]);
    expect(clock.piecesOf(100, 110)).toEqual([{ start: 130, end: 140 }]);
  });

  it('starts behind audio that was lost first', () => {
    const clock = new StreamClock();
    clock.lose(30);
    clock.feed(10);
    expect(clock.piecesOf(0, 10)).toEqual([{ start: 30, end: 40 }]);
  });

  it('answers the same after it forgot what is over', () => {
    const clock = new StreamClock();
    for (let i = 0; i < 10; i++) {
      clock.feed(100);
      clock.lose(10);
    }
    const before = clock.piecesOf(500, 1_000);
    clock.forget(500);
    expect(clock.piecesOf(500, 1_000)).toEqual(before);
    expect(before[0]).toEqual({ start: 550, end: 650 });
  });
});
