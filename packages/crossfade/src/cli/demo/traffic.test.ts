import { describe, expect, it } from 'vitest';
import { demoUser, laneEngine, laneSessions, type PlannedSession, type TrafficPlan } from './traffic.ts';

const plan: TrafficPlan = { seed: 7, lanes: 40, engines: 'speech', sentenceCount: 20 };

function first(count: number, of: TrafficPlan, lane: number): PlannedSession[] {
  const sessions = laneSessions(of, lane);
  return Array.from({ length: count }, () => sessions.next().value);
}

describe('traffic', () => {
  it('plans the same sessions from the same seed, and others from another', () => {
    expect(first(20, plan, 3)).toEqual(first(20, plan, 3));
    expect(first(20, plan, 3)).not.toEqual(first(20, { ...plan, seed: 8 }, 3));
    expect(first(20, plan, 3)).not.toEqual(first(20, plan, 4));
  });

  it('lets users return, and none speak in two lanes', () => {
    const usersOf = (lane: number) => new Set(first(60, plan, lane).map(({ user }) => user.targetingKey));
    expect(usersOf(0).size).toBe(6);
    expect([...usersOf(0)].some((key) => usersOf(1).has(key))).toBe(false);
  });

  it('gives two lanes the open model, some the probe, the others the grammar', () => {
    const engines = Array.from({ length: plan.lanes }, (_, lane) => laneEngine(plan, lane));
    const count = (name: string) => engines.filter((engine) => engine === name).length;
    expect([count('pocketsphinx'), count('tone'), count('pocketsphinx-grammar')]).toEqual([2, 13, 25]);
    expect(laneEngine({ ...plan, engines: 'tone' }, 0)).toBe('tone');
  });

  it('starts the lanes one after another over one mean session', () => {
    const starts = Array.from({ length: plan.lanes }, (_, lane) => first(1, plan, lane)[0]!.pauseMs);
    expect(starts[0]).toBe(0);
    expect(starts.at(-1)).toBeLessThan(7_000);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  it('keeps tone sessions between 4 and 10 s', () => {
    const lengths = first(200, { ...plan, engines: 'tone' }, 5).map(({ content }) =>
      content.kind === 'tone' ? content.durationMs : Number.NaN,
    );
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(3_000);
    expect(Math.max(...lengths)).toBeLessThan(6_000);
  });

  it('makes one user in five internal', () => {
    const internal = Array.from({ length: 240 }, (_, i) => demoUser(i)).filter(({ attributes }) =>
      attributes['email']!.endsWith('@crossfade.example'),
    );
    expect(internal).toHaveLength(48);
  });
});
