import { describe, expect, it } from 'vitest';
import { AudioLoss, crashAfterSessions, crashInMs, defectNames, defectsOf, slowFinalMs } from './defects.ts';
import { seededRandom } from '@crossfade/sdk/core/random';

const draws = (count: number, draw: () => number): number[] => Array.from({ length: count }, draw);

describe('defects', () => {
  it('do nothing when none is asked for', () => {
    const defects = defectsOf(undefined, 0, 16_000);
    expect(draws(100, () => defects.holdMs())).toEqual(draws(100, () => 0));
    expect(defects.dropsFinal()).toBe(false);
    expect(defects.loss).toBeNull();
    expect(draws(10, () => crashInMs(undefined, 2) ?? -1)).toEqual(draws(10, () => -1));
  });

  it('come alone: each name does its own harm only', () => {
    for (const name of defectNames) {
      const defects = defectsOf({ name, seed: 1, share: 1 }, 0, 16_000);
      expect(defects.holdMs() > 0).toBe(name === 'slow-finals' || name === 'late-finals');
      expect(defects.emptiesFinal()).toBe(name === 'empty-finals');
      expect(defects.dropsFrame()).toBe(name === 'dropped-frames');
      expect(defects.tailMs > 0).toBe(name === 'cut-tail');
      expect(defects.dropsFinal()).toBe(name === 'orphans');
      expect(defects.loss !== null).toBe(name === 'lost-frames');
      expect(crashInMs({ name, seed: 1 }, crashAfterSessions - 1) !== null).toBe(name === 'crash-loop');
    }
  });

  it('are the same for the same seed and session, and unlike between sessions', () => {
    const holds = (session: number): number[] => {
      const defects = defectsOf({ name: 'slow-finals', seed: 7 }, session, 16_000);
      return draws(200, () => defects.holdMs());
    };
    expect(holds(3)).toEqual(holds(3));
    expect(holds(3)).not.toEqual(holds(4));
    const share = holds(3).filter((ms) => ms === slowFinalMs).length / 200;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
  });

  it('lose the same audio however it is cut into frames, between 4 and 12 % of it', () => {
    const lost = (frame: number): boolean[] => {
      const loss = new AudioLoss(seededRandom(5), 8_000);
      const samples: boolean[] = [];
      for (let fed = 0; fed < 480_000; fed += frame) {
        for (let at = 0; at < frame;) {
          const run = loss.next(frame - at);
          for (let i = 0; i < run.samples; i++) samples.push(run.lost);
          at += run.samples;
        }
      }
      return samples.slice(0, 480_000);
    };
    const [small, large] = [lost(160), lost(7_001)];
    expect(large.findIndex((each, i) => each !== small[i])).toBe(-1);
    const share = small.filter(Boolean).length / small.length;
    expect(share).toBeGreaterThan(0.04);
    expect(share).toBeLessThan(0.12);
  });
});
