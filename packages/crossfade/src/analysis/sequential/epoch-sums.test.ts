import { seededRandom } from '@crossfade/sdk/core/random';
import { describe, expect, test } from 'vitest';
import { coinBets, coinGain, limitBets, limitGain, lnAverageWealth } from './bets.ts';
import {
  type ArmIndex,
  candidateArm,
  cellAt,
  cellWidth,
  column,
  controlArm,
  momentsAt,
} from './cell-layout.ts';
import { EpochSums, type MaturedSession } from './epoch-sums.ts';
import { lnCountEvidence } from './event-counts.ts';
import { SumsEvidence } from './evidence-window.ts';
import { setupOf } from './metric-setup.ts';
import { momentsOf } from './ratio-moments.ts';
import { userBucket, userBucketCount, UserFilter, userKeyOf } from './user-filter.ts';

const setups = [setupOf('orphan-rate'), setupOf('missed-tail')];
const info = { epoch: 1, share: 0.5 };

function session(arm: ArmIndex, orphans: number, tailMs: number, user: number | null = null): MaturedSession {
  return {
    arm,
    user: user === null ? null : { high: Math.imul(user, 2_654_435_761) >>> 0, low: user },
    outcomes: Float64Array.of(orphans, 40, orphans, tailMs, 1, tailMs),
    reported: true,
  };
}

/** The running sums as a list. */
function sumsOf(sums: EpochSums, restart = 0): Float64Array {
  return sums.since(restart, new Float64Array(sums.width));
}

describe('the sums of an epoch', () => {
  test('are the moments and the log-wealth of its sessions, one by one', () => {
    const sums = new EpochSums(setups, info, 120);
    const random = seededRandom(3);
    const drawn = Array.from({ length: 500 }, () => ({
      arm: random.next() < 0.5 ? candidateArm : controlArm,
      orphans: random.next() < 0.05 ? 3 : 0,
      tailMs: random.next() * 200,
    }));
    drawn.forEach(({ arm, orphans, tailMs }, i) => {
      sums.open(i);
      sums.add(session(arm, orphans, tailMs));
    });

    const cells = sumsOf(sums);
    const ours = drawn.filter(({ arm }) => arm === candidateArm);
    const expected = momentsOf(ours.map(({ orphans }) => [orphans, 40] as const));
    expect(momentsAt(cells, cellAt(0, candidateArm), 'compared', 1)).toMatchObject({ ...expected });
    const [limitTop = 0] = limitBets(5e-4, 500);
    const rule = setups[0]!.metric.score;
    const { scoreMean } = setups[0]!.baseline;
    const [coinTop = 0] = coinBets(rule, scoreMean, 0.5);
    const lnLimit = ours.reduce(
      (sum, { orphans }) => sum + Math.log1p(limitTop * limitGain(orphans, 40, 5e-4, 500)),
      0,
    );
    const lnCoin = ours.reduce(
      (sum, { orphans }) =>
        sum +
        Math.log1p(
          coinTop * coinGain('candidate', { score: orphans > 0 ? 1 : 0, expected: scoreMean }, 0.5, 0.25),
        ),
      0,
    );
    expect(cells[cellAt(0, candidateArm) + column.limitWealth]).toBeCloseTo(lnLimit, 8);
    expect(cells[cellAt(0, candidateArm) + column.coinWealth]).toBeCloseTo(lnCoin, 8);
  });

  test('a window since a restart holds what came after it, and nothing else', () => {
    const whole = new EpochSums(setups, info, 120);
    const late = new EpochSums(setups, info, 120);
    for (let minute = 0; minute < 400; minute++) {
      whole.open(minute);
      whole.add(session(candidateArm, minute % 7 === 0 ? 2 : 0, minute));
      if (minute < 240) continue;
      late.open(minute);
      late.add(session(candidateArm, minute % 7 === 0 ? 2 : 0, minute));
    }

    sumsOf(whole, 2).forEach((sum, i) => expect(sum).toBeCloseTo(sumsOf(late)[i] ?? 0, 6));
    expect(sumsOf(whole, 4).every((sum) => sum === 0)).toBe(true);
    // An epoch that began after the restart lies in its window as a whole.
    expect(sumsOf(late, 1)).toEqual(sumsOf(late, 0));
  });

  test('a session without a denominator does not enter', () => {
    const sums = new EpochSums(setups, info, 120);
    sums.open(0);
    sums.add({ ...session(candidateArm, 0, 0), outcomes: Float64Array.of(0, 0, 0, 50, 1, 50) });

    expect(sumsOf(sums)[cellAt(0, candidateArm) + column.n]).toBe(0);
    expect(sumsOf(sums)[cellAt(1, candidateArm) + column.n]).toBe(1);
  });

  test('a burst of a million does not overflow the wealth', () => {
    const sums = new EpochSums(setups, info, 120);
    sums.open(0);
    for (let i = 0; i < 500; i++) sums.add(session(candidateArm, 1e6, 1e9));
    const [orphans, tail] = new SumsEvidence(setups, [sums]).since(0);

    expect(orphans?.lnLimitBets).toBeGreaterThan(1_000);
    expect(Number.isFinite(orphans?.lnLimitBets)).toBe(true);
    expect(Number.isFinite(tail?.lnLimitBets)).toBe(true);
  });

  test('memory does not grow with sessions: a hundred thousand of them are as many numbers as one', () => {
    const size = (sessions: number): number => {
      const sums = new EpochSums(setups, info, 120);
      sums.open(0);
      for (let i = 0; i < sessions; i++) sums.add(session(candidateArm, 0, 20, i));
      const { cells, buckets, marks } = sums.toJSON();
      return cells.length + buckets.sums.length + marks.length;
    };

    expect(size(100_000)).toBe(size(1));
    expect(size(1)).toBe(setups.length * 2 * (cellWidth + userBucketCount * 3));
  });

  test('goes on from JSON as if nothing had happened', () => {
    const whole = new EpochSums(setups, info, 120);
    let part = new EpochSums(setups, info, 120);
    for (let minute = 0; minute < 300; minute++) {
      if (minute === 170) part = EpochSums.fromJSON(setups, 120, JSON.parse(JSON.stringify(part)));
      for (const sums of [whole, part]) {
        sums.open(minute);
        sums.add(
          session(minute % 2 === 0 ? candidateArm : controlArm, minute % 5 === 0 ? 1 : 0, 40, minute % 40),
        );
      }
    }

    expect(part.toJSON()).toEqual(whole.toJSON());
    expect(new SumsEvidence(setups, [part]).since(1)).toEqual(new SumsEvidence(setups, [whole]).since(1));
  });
});

describe('users who return', () => {
  test('bet once in an epoch, whatever their first session was', () => {
    const sums = new EpochSums(setups, info, 120);
    sums.open(0);
    for (let visit = 0; visit < 50; visit++) sums.add(session(candidateArm, visit === 0 ? 0 : 5, 10, 7));
    const once = new EpochSums(setups, info, 120);
    once.open(0);
    once.add(session(candidateArm, 0, 10, 7));

    const at = cellAt(0, candidateArm) + column.limitWealth;
    expect(sumsOf(sums)[at]).toBeCloseTo(sumsOf(once)[at] ?? 0, 10);
    expect(sumsOf(sums)[cellAt(0, candidateArm) + column.n]).toBe(50);
    expect(sums.units(candidateArm)).toEqual({ assigned: 1, ended: 1 });
  });

  test('inflate the variance by what their resemblance is worth; users who come once do not', () => {
    const random = seededRandom(11);
    const returning = new EpochSums(setups, info, 120);
    const single = new EpochSums(setups, info, 120);
    for (let user = 0; user < 2_000; user++) {
      const tailMs = random.next() * 200;
      for (let visit = 0; visit < 10; visit++) returning.add(session(candidateArm, 0, tailMs, user));
      single.add(session(candidateArm, 0, tailMs, user));
    }

    // Ten sessions all alike per user: ten times the variance.
    expect(returning.designEffect(1, candidateArm, 'compared')).toBeGreaterThan(7);
    expect(returning.designEffect(1, candidateArm, 'compared')).toBeLessThan(13);
    expect(single.designEffect(1, candidateArm, 'compared')).toBe(1);
  });

  test('a filter never takes a known user for a new one', () => {
    const filter = new UserFilter();
    const keys = Array.from({ length: 20_000 }, (_, i) => ({
      high: Math.imul(i, 2_654_435_761) >>> 0,
      low: i,
    }));
    const news = keys.filter((key) => filter.add(key)).length;

    expect(news).toBeGreaterThan(19_950);
    expect(keys.some((key) => filter.add(key))).toBe(false);
    expect(UserFilter.fromJSON(filter.toJSON()).add(keys[5]!)).toBe(false);
  });

  test('a hash of a record becomes a key and a bucket; none stays none', () => {
    expect(userKeyOf('00000001ffffffff')).toEqual({ high: 1, low: 4_294_967_295 });
    expect(userKeyOf('')).toBeNull();
    expect(userBucket({ high: 255, low: 0 })).toBeLessThan(userBucketCount);
  });
});

describe('evidence of a window', () => {
  test('nothing is no evidence, and a session alike in both arms hardly any', () => {
    const [orphans] = new SumsEvidence(setups, [new EpochSums(setups, info, 120)]).since(0);

    // The bets alone: the mixture is silent until it has seen enough.
    expect(orphans?.lnRelative).toBeCloseTo(Math.log(0.35), 10);
    expect(orphans?.lnLimitBets).toBeCloseTo(0, 10);
    expect(lnAverageWealth([0, 0])).toBe(0);
  });

  test('a limit that both arms break is evidence against the limit, not against the candidate', () => {
    const sums = new EpochSums(setups, info, 120);
    sums.open(0);
    for (let i = 0; i < 600; i++) {
      sums.add(session(candidateArm, i % 10 === 0 ? 2 : 0, 20));
      sums.add(session(controlArm, i % 10 === 0 ? 2 : 0, 20));
    }
    const [orphans] = new SumsEvidence(setups, [sums]).since(0);

    expect(orphans?.lnLimitBets).toBeGreaterThan(Math.log(1_000));
    expect(orphans?.lnLimit).toBeLessThan(Math.log(2));
  });

  test('an epoch without a random control adds to the limits alone', () => {
    const sums = new EpochSums(setups, { epoch: 1, share: null }, 120);
    sums.open(0);
    for (let i = 0; i < 400; i++) sums.add(session(candidateArm, 2, 20));
    const [orphans] = new SumsEvidence(setups, [sums]).since(0);

    expect(orphans?.lnLimitBets).toBeGreaterThan(Math.log(1_000));
    expect(orphans?.lnRelative).toBeLessThan(0);
  });

  test('limits alone are bet against with the epochs without a random control, the comparison with the others', () => {
    const sumsOf = (epoch: number, share: number | null, orphansOfCandidate: number): EpochSums => {
      const sums = new EpochSums(setups, { epoch, share }, 120);
      sums.open(0);
      for (let i = 0; i < 400; i++) {
        sums.add(session(candidateArm, i % 10 === 0 ? orphansOfCandidate : 0, 20));
        if (share !== null) sums.add(session(controlArm, 0, 20));
      }
      return sums;
    };
    const since = (...epochs: EpochSums[]) => new SumsEvidence(setups, epochs).since(0)[0]!;
    const audience = since(sumsOf(1, null, 2));
    const shared = since(sumsOf(2, 0.5, 4));
    const both = since(sumsOf(1, null, 2), sumsOf(2, 0.5, 4));

    expect(audience.lnLimitAlone).toBe(audience.lnLimitBets);
    expect(audience.lnLimitAlone).toBeGreaterThan(1);
    expect(shared.lnLimitAlone).toBe(0);
    expect(shared.lnRelative).toBeGreaterThan(1);
    expect(both.lnLimitAlone).toBeCloseTo(audience.lnLimitAlone, 10);
    expect(both.lnRelative).toBeCloseTo(shared.lnRelative, 10);
  });

  test('metrics too rare for a score count sessions by side: faults that only the candidate fails', () => {
    const rare = [setupOf('recovery-success')];
    const sums = new EpochSums(rare, info, 120);
    sums.open(0);
    for (let i = 0; i < 20; i++) {
      sums.add({ arm: candidateArm, user: null, outcomes: Float64Array.of(1, 1, 1), reported: true });
    }
    const [recovery] = new SumsEvidence(rare, [sums]).since(0);

    expect(recovery?.lnRelative).toBeCloseTo(
      lnCountEvidence([{ candidate: 20, control: 0, share: 0.5 }], 0.25) + Math.log(0.35),
      10,
    );
  });
});
