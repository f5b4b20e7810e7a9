/** What a drill will do, decided from its seed alone. Pure. */
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';

/** DOMAIN.md §4, metric 5: trials by class. */
export type FaultClass = 'crash' | 'failure';

export const faultKinds = {
  'kill-pipeline': 'crash',
  'kill-gateway': 'crash',
  'kill-gateway-twice': 'crash',
  'kill-gateway-stopping': 'crash',
  'kill-gateway-recovering': 'crash',
  reset: 'failure',
  stall: 'failure',
  'black-hole': 'failure',
  throttle: 'failure',
  'clock-step': 'failure',
  'disk-full': 'failure',
} as const satisfies Record<string, FaultClass>;

export type FaultKind = keyof typeof faultKinds;

/** SIGKILLs of the gateway that one fault of this kind is. */
export const gatewayKills: Readonly<Partial<Record<FaultKind, number>>> = {
  'kill-gateway': 1,
  'kill-gateway-twice': 2,
  'kill-gateway-stopping': 1,
  'kill-gateway-recovering': 2,
};

/** One fault: what, and the moments that chance decides. */
export interface PlannedFault {
  /** Its number in the plan, from 1; with the seed it brings the fault back. */
  readonly case: number;
  readonly kind: FaultKind;
  /** From the end of the fault before it, ms. */
  readonly waitMs: number;
  /** How long it lasts, or between its two blows, ms. */
  readonly lastsMs: number;
}

export interface DrillPlan {
  readonly seed: number;
  readonly faults: readonly PlannedFault[];
  /** Systems that are broken at the same time, each with its part of the faults. */
  readonly systems: number;
  /** Sessions at once, of each system. */
  readonly lanes: number;
}

export const drillProfiles = ['short', 'long'] as const;
export type DrillProfile = (typeof drillProfiles)[number];

/** How many of each kind a round has. */
type Round = Readonly<Partial<Record<FaultKind, number>>>;

const shortRound: Round = {
  'kill-gateway': 3,
  'kill-gateway-twice': 1,
  'kill-gateway-stopping': 1,
  'kill-gateway-recovering': 1,
  'kill-pipeline': 2,
  reset: 2,
  stall: 1,
  'black-hole': 1,
  throttle: 1,
  'clock-step': 1,
  'disk-full': 1,
};

const longRound: Round = { ...shortRound, 'kill-gateway': 5, 'kill-gateway-stopping': 2, 'disk-full': 0 };
/** 28 rounds of 11 kills are 308: 299 without a loss certify a recovery of 0.99. */
const longRounds = 28;
const longDiskFaults = 10;

/** Shortest and longest `lastsMs` by kind. */
const lasting: Readonly<Record<FaultKind, readonly [minMs: number, maxMs: number]>> = {
  'kill-pipeline': [0, 0],
  'kill-gateway': [0, 0],
  // From `ready` to the second blow.
  'kill-gateway-twice': [0, 150],
  // From the order to stop to the blow: an orderly stop takes some tens of milliseconds.
  'kill-gateway-stopping': [0, 40],
  // From the fork of the new process to the blow: it is ready after about half a second.
  'kill-gateway-recovering': [150, 700],
  reset: [0, 0],
  // Both sides of the gateway's own limit of 8 s.
  stall: [1_000, 11_000],
  'black-hole': [1_000, 11_000],
  throttle: [2_000, 5_000],
  'clock-step': [200, 1_000],
  'disk-full': [500, 3_000],
};

/** The plan of a profile: the same seed, the same faults in the same order. */
export function drillPlan(profile: DrillProfile, seed: number): DrillPlan {
  const random = seededRandom(seed);
  const rounds = profile === 'short' ? [shortRound] : Array.from({ length: longRounds }, () => longRound);
  const kinds = rounds.flatMap((round) => shuffled(random, kindsOf(round)));
  if (profile === 'long') kinds.push(...kindsOf({ 'disk-full': longDiskFaults }));
  return profile === 'short' ? planOf(seed, kinds, 16) : { ...planOf(seed, kinds, 8), systems: 3 };
}

/** A plan of these kinds in this order; a case's moments come from the seed and its number alone. */
export function planOf(seed: number, kinds: readonly FaultKind[], lanes: number): DrillPlan {
  const faults = kinds.map((kind, index) => {
    const random = seededRandom(seed * 100_003 + index + 1);
    const [minMs, maxMs] = lasting[kind];
    const waitMs = 100 + below(random, 900);
    return { case: index + 1, kind, waitMs, lastsMs: minMs + below(random, maxMs - minMs + 1) };
  });
  return { seed, faults, systems: 1, lanes };
}

/** The plan with some of its cases alone, one after the other. USAGE when it has none of them. */
export function onlyCases(plan: DrillPlan, cases: readonly number[]): DrillPlan {
  const faults = plan.faults.filter((fault) => cases.includes(fault.case));
  if (faults.length > 0) return { ...plan, systems: 1, faults };
  throw new CrossfadeError(
    'USAGE',
    `Expected a case from 1 to ${plan.faults.length}, got ${cases.join(', ')}.`,
  );
}

function kindsOf(round: Round): FaultKind[] {
  return (Object.keys(faultKinds) as FaultKind[]).flatMap((kind) =>
    Array.from({ length: round[kind] ?? 0 }, () => kind),
  );
}

function shuffled(random: Random, kinds: readonly FaultKind[]): FaultKind[] {
  const left = [...kinds];
  return kinds.map(() => left.splice(below(random, left.length), 1)[0] as FaultKind);
}
