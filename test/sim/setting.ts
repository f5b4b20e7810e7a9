import { below, seededRandom, type Random } from '@crossfade/sdk/core/random';

/** How one seed's world behaves. Everything follows from the seed, so that a run can be had again. */
export interface Setting {
  readonly seed: number;
  /** Virtual time with faults, ms; then everything is mended and the world comes to rest. */
  readonly durationMs: number;
  readonly tickMs: number;
  readonly heartbeatMs: number;
  readonly bake: string;
  readonly gateways: number;
  /** Between two sessions of one gateway, ms. */
  readonly sessionEveryMs: number;
  /** How the candidate is: all the time, or from a moment on. */
  readonly quality: 'good' | 'bad' | 'turns-bad';
  readonly withApproval: boolean;
  readonly drain: 'finish' | 'migrate' | 'cut';
  /** Chance that one call of the store fails, is slow, or kills the process. */
  readonly storeFails: number;
  readonly storeIsSlow: number;
  readonly storeKills: number;
  /** Chance that a notice does not leave. */
  readonly senderFails: number;
  /** Chance that a session's record is late, comes twice, or never comes. */
  readonly recordIsLate: number;
  readonly recordTwice: number;
  readonly recordLost: number;
  /** Mean time between two of a kind, ms; 0: never. */
  readonly killEveryMs: number;
  readonly partitionEveryMs: number;
  /** All gateways at once, for longer than the plan's maturity. */
  readonly allCutOffEveryMs: number;
  readonly clockStepEveryMs: number;
  readonly operatorEveryMs: number;
  /** Whether operators take the candidate back in their bursts. */
  readonly operatorsRollBack: boolean;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** A world of minutes: bakes of ten minutes, everything goes wrong. */
export function settingOf(seed: number): Setting {
  const random = seededRandom(seed);
  const chance = (p: number): boolean => random.next() < p;
  const among = <T>(...choices: readonly [T, ...T[]]): T =>
    choices[below(random, choices.length)] ?? choices[0];
  // A third of the worlds are calm, so that candidates also get to the end.
  const isCalm = chance(1 / 3);
  const often = (everyMs: number): number => (isCalm || chance(0.4) ? 0 : everyMs * (0.5 + random.next()));
  return {
    seed,
    durationMs: among(0.75, 1, 2) * hourMs,
    tickMs: among(5_000, 10_000),
    heartbeatMs: among(2_000, 5_000),
    bake: among('5m', '10m'),
    gateways: among(1, 2, 3),
    sessionEveryMs: among(2_000, 4_000),
    quality: among('good', 'good', 'bad', 'turns-bad'),
    withApproval: chance(0.3),
    drain: among('finish', 'migrate', 'cut'),
    storeFails: isCalm ? 0 : among(0, 0.01, 0.1),
    storeIsSlow: isCalm ? 0 : among(0, 0.05, 0.3),
    storeKills: isCalm ? 0 : among(0, 0, 0.0005, 0.003),
    senderFails: among(0, 0.1, 0.5),
    recordIsLate: among(0, 0.1, 0.5),
    recordTwice: among(0, 0.05),
    recordLost: among(0, 0, 0.01),
    killEveryMs: often(20 * minuteMs),
    partitionEveryMs: often(10 * minuteMs),
    clockStepEveryMs: often(30 * minuteMs),
    operatorEveryMs: often(5 * minuteMs),
    operatorsRollBack: chance(0.4),
    allCutOffEveryMs: often(30 * minuteMs),
  };
}

/** The walk of a real plan: 48 hours a stage, a look every ten minutes, rarer faults. */
export function longSettingOf(seed: number): Setting {
  return {
    ...settingOf(seed),
    durationMs: 9.5 * 24 * hourMs,
    tickMs: 10 * minuteMs,
    heartbeatMs: 50_000,
    bake: '48h',
    gateways: 2,
    sessionEveryMs: 5 * minuteMs,
    quality: 'good',
    killEveryMs: 11 * hourMs,
    partitionEveryMs: 7 * hourMs,
    allCutOffEveryMs: 26 * hourMs,
    clockStepEveryMs: 50 * hourMs,
    operatorEveryMs: 0,
    storeFails: 0.001,
    storeIsSlow: 0.01,
    storeKills: 0,
    withApproval: false,
    recordLost: 0,
  };
}

/**
 * Whether every report of a session comes in time while somebody can hear it. Elsewhere a session may count as failed in
 * both arms, and where all are on the candidate that may take a good one back.
 */
export function reportsInTime({ recordIsLate, recordLost, ...setting }: Setting): boolean {
  const { partitionEveryMs, clockStepEveryMs } = setting;
  return [recordIsLate, recordLost, partitionEveryMs, clockStepEveryMs].every((trouble) => trouble === 0);
}

/** An exponential wait, so that anything may follow anything. */
export function waitMs(random: Random, meanMs: number): number {
  return -Math.log(1 - random.next()) * meanMs;
}
