import { describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { Outbox } from './outbox.ts';

function newOutbox() {
  const clock = new ManualClock();
  const sent: string[] = [];
  let overflows = 0;
  const outbox = new Outbox(clock, () => (overflows += 1));
  const put = (name: string, holdMs?: number): void => outbox.put(() => sent.push(name), holdMs);
  return { clock, sent, outbox, put, overflows: () => overflows };
}

describe('the outbox', () => {
  it('sends at once while nothing is held', () => {
    const { sent, put } = newOutbox();
    put('a');
    put('b');
    expect(sent).toEqual(['a', 'b']);
  });

  it('holds one message back, and those behind it, in order', () => {
    const { clock, sent, put } = newOutbox();
    put('held', 2_500);
    put('next');
    clock.advance(2_499);
    expect(sent).toEqual([]);
    put('last');
    clock.advance(1);
    expect(sent).toEqual(['held', 'next', 'last']);
    put('after');
    expect(sent.at(-1)).toBe('after');
  });

  it('holds two messages for as long as each asked', () => {
    const { clock, sent, put } = newOutbox();
    put('one', 1_000);
    clock.advance(500);
    put('two', 1_000);
    put('three');
    clock.advance(500);
    expect(sent).toEqual(['one']);
    clock.advance(500);
    expect(sent).toEqual(['one', 'two', 'three']);
  });

  it('drops what waits when it is closed', () => {
    const { clock, sent, put, outbox } = newOutbox();
    put('held', 100);
    outbox.close();
    put('late');
    clock.advance(1_000);
    expect(sent).toEqual([]);
  });

  it('says when too much waits', () => {
    const { put, overflows } = newOutbox();
    put('held', 100);
    for (let i = 0; i < 4_095; i++) put('more');
    expect(overflows()).toBe(0);
    put('one too many');
    expect(overflows()).toBe(1);
  });
});
