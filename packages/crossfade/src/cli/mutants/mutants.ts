/** The suite's own test: builds with one named fault each, and what the suite must say of them. */
import type { AcceptanceMetricId } from '../../acceptance/metric-ids.ts';
import type { Profile } from '../../acceptance/profile.ts';
import { parseScenario, type Scenario } from '../../acceptance/scenario.ts';
import type { Defect } from '../../pipelines/defects.ts';
import type { GatewayDefect } from '../processes/gateway-defects.ts';

/** How much of its fault a build has: all of it, or half of what the limits allow. */
export type Dose = 'full' | 'half';

export interface Mutant {
  readonly name: string;
  /** What is wrong with it, in full and at half of the limit. */
  readonly about: Readonly<Record<Dose, string>>;
  /**
   * Where it runs. `pipeline`, `gateway`: within the program of the test, where nothing is killed. `processes`: behind
   * the gateway, in processes that are.
   */
  readonly system: 'pipeline' | 'gateway' | 'processes';
  readonly pipeline?: Readonly<Record<Dose, Omit<Defect, 'seed'>>>;
  readonly gateway?: Readonly<Record<Dose, Omit<GatewayDefect, 'seed'>>>;
  /** Must fail in full. */
  readonly fails: readonly AcceptanceMetricId[];
  /** May fail with it, in full. */
  readonly companions: readonly AcceptanceMetricId[];
  readonly counts: Profile['counts'];
  /** Systems side by side, where processes are killed; 1 when absent. */
  readonly replicas?: number;
  readonly extendTo?: number;
}

/** Quick remarks at four times real time, and silence or a word at the stop. */
const remarks = { remarks: 180 };
const gatewayDefect = (name: GatewayDefect['name'], values: Partial<GatewayDefect> = {}) => ({
  share: 0,
  ms: 1,
  ...values,
  name,
});

export const mutants: readonly Mutant[] = [
  {
    name: 'cut-tail',
    about: { full: 'drops 300 ms of each tail', half: 'drops 50 ms of each tail' },
    system: 'pipeline',
    pipeline: { full: { name: 'cut-tail', ms: 300 }, half: { name: 'cut-tail', ms: 50 } },
    fails: ['missed-tail'],
    companions: ['capture-completeness', 'orphan-rate'],
    counts: { 'quiet-stops': 120 },
  },
  {
    name: 'orphans',
    about: { full: 'orphans 1 % of the segments', half: 'orphans 0.025 % of the segments' },
    system: 'pipeline',
    pipeline: { full: { name: 'orphans', share: 0.01 }, half: { name: 'orphans', share: 0.000_25 } },
    fails: ['orphan-rate'],
    companions: ['capture-completeness', 'missed-tail'],
    counts: remarks,
    extendTo: 3,
  },
  {
    name: 'late-finals',
    about: { full: 'sends 8 % of the finals 2 s late', half: 'sends 2.5 % of the finals 2 s late' },
    system: 'pipeline',
    pipeline: { full: { name: 'late-finals', share: 0.08 }, half: { name: 'late-finals', share: 0.025 } },
    fails: ['finalization-latency'],
    companions: ['stop-latency'],
    counts: { 'spaced-remarks': 150 },
    extendTo: 3,
  },
  {
    name: 'dropped-frames',
    about: { full: 'loses 1 % of the frames', half: 'loses 0.025 % of the frames' },
    system: 'pipeline',
    pipeline: {
      full: { name: 'dropped-frames', share: 0.01 },
      half: { name: 'dropped-frames', share: 0.000_25 },
    },
    fails: ['capture-completeness'],
    companions: ['missed-tail', 'orphan-rate'],
    counts: remarks,
    extendTo: 2,
  },
  {
    name: 'empty-finals',
    about: {
      full: 'declares 1 % of the segments silent over words that it dropped',
      half: 'declares 0.025 % of the segments silent',
    },
    system: 'pipeline',
    pipeline: {
      full: { name: 'empty-finals', share: 0.01 },
      half: { name: 'empty-finals', share: 0.000_25 },
    },
    fails: ['capture-completeness'],
    companions: ['missed-tail'],
    counts: remarks,
    extendTo: 2,
  },
  {
    name: 'repeated-entries',
    about: {
      full: 'shows one entry of 500 once more after a reconnect',
      half: 'shows one entry of 20,000 once more after a reconnect',
    },
    system: 'gateway',
    // A client is cut off half-way on average: twice the share of the entries that were there by then.
    gateway: {
      full: gatewayDefect('repeated-entries', { share: 0.004 }),
      half: gatewayDefect('repeated-entries', { share: 0.000_1 }),
    },
    fails: ['duplicate-artifacts'],
    companions: [],
    counts: { 'quick-drops': 450 },
    extendTo: 3,
  },
  {
    name: 'held-journal',
    about: { full: 'holds its journal in memory for 3 s', half: 'holds its journal in memory for 0.5 s' },
    system: 'processes',
    gateway: {
      full: gatewayDefect('held-journal', { ms: 3_000 }),
      half: gatewayDefect('held-journal', { ms: 500 }),
    },
    fails: ['durability-loss'],
    // A session whose start was still in memory is not found again.
    companions: ['recovery-success'],
    counts: { 'gateway-crash': 6 },
  },
  {
    name: 'no-fsync',
    about: { full: 'never syncs its journal', half: 'syncs its journal every 0.4 s' },
    system: 'processes',
    gateway: { full: gatewayDefect('no-sync'), half: gatewayDefect('rare-sync', { ms: 400 }) },
    fails: ['durability-loss'],
    companions: [],
    counts: { 'gateway-crash': 3 },
  },
  {
    name: 'failed-recovery',
    about: { full: 'fails 15 % of its recoveries', half: 'fails 0.5 % of its recoveries' },
    system: 'processes',
    gateway: {
      full: gatewayDefect('lost-replay', { share: 0.15 }),
      half: gatewayDefect('lost-replay', { share: 0.005 }),
    },
    fails: ['recovery-success'],
    companions: [],
    counts: { 'gateway-crash': 24 },
    replicas: 2,
    extendTo: 2.5,
  },
];

/** What has no fault, in each of the systems, at the sizes of the mutants together. */
export const healthy: readonly Mutant[] = [
  {
    name: 'healthy-pipeline',
    about: { full: 'nothing', half: 'nothing' },
    system: 'pipeline',
    fails: [],
    companions: [],
    counts: { ...remarks, 'quiet-stops': 60, 'spaced-remarks': 60 },
  },
  {
    name: 'healthy-gateway',
    about: { full: 'nothing', half: 'nothing' },
    system: 'gateway',
    fails: [],
    companions: [],
    counts: { 'quick-drops': 150, remarks: 90 },
  },
  {
    name: 'healthy-processes',
    about: { full: 'nothing', half: 'nothing' },
    system: 'processes',
    fails: [],
    companions: [],
    counts: { 'gateway-crash': 6 },
  },
];

const scenario = (name: string, about: string, rest: object): Scenario =>
  parseScenario(JSON.stringify({ schema: 'crossfade.scenario/1', name, about, ...rest }), name);

/** The scenarios that show the faults: as much in as little time as may be. */
export const mutantScenarios: readonly Scenario[] = [
  scenario('remarks', 'Quick remarks, faster than real time.', {
    speech: { durationMs: [3_700, 3_700], wordsPerUtterance: [1, 2], pauseMs: [400, 480] },
    pace: 6,
    lanes: 24,
  }),
  scenario('quiet-stops', 'Stops in the silence after the last word.', {
    speech: { durationMs: [2_000, 3_000], end: 'silence', tailMs: [60, 400] },
    pace: 4,
    lanes: 24,
  }),
  scenario('spaced-remarks', 'One remark every two and a half seconds, at the pace of real time.', {
    speech: { durationMs: [13_500, 13_500], wordsPerUtterance: [2, 3], pauseMs: [2_100, 2_200] },
    frameMs: 100,
    lanes: 75,
  }),
  scenario('quick-drops', 'The client loses its network once and goes on where it was.', {
    speech: { durationMs: [4_500, 4_500], wordsPerUtterance: [1, 2], pauseMs: [400, 480] },
    client: 'resuming',
    dropsAtOnce: true,
    pace: 4,
    lanes: 24,
  }),
  scenario('gateway-crash', 'SIGKILL of the gateway while people speak.', {
    speech: { durationMs: [2_600, 3_000] },
    sessionsPerTrial: 3,
    fault: { kind: 'kill', kills: [{ process: 'gateway' }] },
  }),
];
