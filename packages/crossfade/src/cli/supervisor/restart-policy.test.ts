import { describe, expect, it } from 'vitest';
import { crashLoopDeaths, crashWindowMs, nextRestart } from './restart-policy.ts';

describe('nextRestart', () => {
  it('starts a child that died once again after 100 ms', () => {
    expect(nextRestart([5_000], 5_000)).toEqual({ delayMs: 100, crashLoop: false });
  });

  it('doubles the wait with each death, up to 5 s', () => {
    const deathsMs = [0, 1, 2, 3, 4, 5, 6, 7];
    const delaysMs = deathsMs.map((_, last) => nextRestart(deathsMs.slice(0, last + 1), 10).delayMs);
    expect(delaysMs).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('calls it a crash loop at the eleventh death in a minute, and slows down to 30 s', () => {
    const deathsMs = Array.from({ length: crashLoopDeaths + 1 }, (_, i) => i);
    expect(nextRestart(deathsMs.slice(0, -1), 20).crashLoop).toBe(false);
    expect(nextRestart(deathsMs, 20)).toEqual({ delayMs: 30_000, crashLoop: true });
  });

  it('forgets deaths of more than a minute ago', () => {
    const old = Array.from({ length: 50 }, (_, i) => i);
    const nowMs = crashWindowMs + 100;
    expect(nextRestart([...old, nowMs], nowMs)).toEqual({ delayMs: 100, crashLoop: false });
  });
});
