import { describe, expect, it } from 'vitest';
import { testScenarios } from './acceptance.fixture.ts';
import { onlyCase, planRun } from './plan.ts';
import { type Profile, profiles } from './profile.ts';
import type { Target } from './target.ts';
import { ToneProbe } from './tone-probe.ts';

const killable = (name: string, role: 'server' | 'pipeline' | 'gateway') => ({
  name,
  role,
  kill: () => undefined,
  back: () => Promise.resolve(),
});
const remote: Pick<Target, 'processes' | 'breakable'> = { processes: [], breakable: [] };
const system: typeof remote = {
  processes: [killable('streaming', 'pipeline'), killable('gateway', 'gateway')],
  breakable: ['client-network', 'upstream-network', 'clocks', 'disk'],
};
const plan = (profile: Profile, target = system, seed = 1) =>
  planRun({
    profile,
    scenarios: testScenarios,
    target,
    canResume: target === system,
    probe: new ToneProbe(),
    seed,
  });

describe('the plan of a run', () => {
  it('is the same for the same seed, case by case, and another for another', () => {
    const fingerprints = (seed: number) =>
      plan(profiles.smoke, system, seed).sessions.map(({ spec }) => spec(3).speech.fingerprint);
    expect(fingerprints(1)).toEqual(fingerprints(1));
    expect(fingerprints(1)).not.toEqual(fingerprints(2));
    expect(plan(profiles.smoke).corpusDigest).not.toBe(plan(profiles.smoke, system, 2).corpusDigest);
  });

  it('holds a case alone that is the one of the whole run, also one of the extension', () => {
    const whole = plan(profiles.certify);
    const batch = whole.sessions.find(({ scenario }) => scenario.name === 'conversation');
    const alone = onlyCase(whole, 'conversation-2000', profiles.certify.extendTo);
    expect(alone.sessions[0]?.spec(1)).toEqual(batch?.spec(2_000));
    expect(alone.trials).toEqual([]);
    expect(onlyCase(whole, 'gateway-crash-twice-2').trials[0]?.spec(1).id).toBe('gateway-crash-twice-2');
    expect(() => onlyCase(whole, 'conversation-9999')).toThrow(/Expected --case/);
  });

  it('certifies: enough crashes, sessions and entries for one extension to keep the 95 %', () => {
    const { trials, sessions } = plan(profiles.certify);
    const count = (batches: readonly { readonly count: number }[]): number =>
      batches.reduce((sum, batch) => sum + batch.count, 0);
    const crashes = count(trials.filter(({ scenario }) => scenario.fault?.kind === 'kill'));
    // 3.3 / limit without an event, 5.54 / limit with one: e^-3.3 + 3.3 e^-3.3 e^-2.24 is 5 %.
    expect(crashes).toBeGreaterThanOrEqual(330);
    expect(count(sessions)).toBeGreaterThanOrEqual(6_600);
    expect(profiles.certify.extendTo * 330).toBeGreaterThanOrEqual(554);
    const remarks = sessions.filter(({ scenario }) => scenario.name.startsWith('conversation'));
    const entries = remarks.reduce(
      (sum, { count: n, spec }) => sum + n * wordsOf(spec(1).speech.words.length),
      0,
    );
    // The other scenarios bring the rest of 33,000.
    expect(entries).toBeGreaterThan(29_956);
  });

  it('leaves out what a target does not allow, and says why', () => {
    const { trials, notRun } = plan(profiles.standard, remote);
    expect(trials.map(({ scenario }) => scenario.name)).toEqual([]);
    const why = Object.fromEntries(notRun.map((row) => [row.scenario, row.why]));
    expect(why['crash-twice']).toContain('cannot be killed');
    expect(why['upstream-reset']).toContain('no network between');
    expect(why['drop-and-resume']).toContain('cannot be resumed');
    expect(Object.keys(why)).not.toContain('steady-talk');
  });

  it('refuses a profile that names a scenario nobody knows', () => {
    expect(() => plan({ ...profiles.smoke, counts: { nothing: 1 } })).toThrow(/Expected a scenario/);
  });
});

/** Entries that so many words make, one or two each, at least. */
function wordsOf(words: number): number {
  return Math.ceil(words / 2);
}
