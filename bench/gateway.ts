/**
 * What the gateway costs, as ratios to a bare `ws` pass-through that forwards the same messages: CPU for each session of
 * real-time audio, added latency, memory, and what clients see of a restart and of a migration. Short slices of
 * both sides take turns; the figures are medians of the slices. Each side, the upstream and the speakers are processes of their own.
 *
 *   npm run bench:gateway -- --json [--sessions 0] [--rounds 9] [--seconds 2] [--recover 200,2000] [--quick]
 *     [--parts cost,recovery,migration,journal]
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { costOf, type Side } from './gateway-cost.ts';
import { type Role, sampleRate } from './gateway-processes.ts';
import { Part } from './part.ts';
import { Speakers } from './speakers.ts';

const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : (process.argv[at + 1] ?? fallback);
};
/** 0: half of what the pass-through carries. */
const sessions = Number(option('sessions', '0'));
const rounds = Number(option('rounds', '9'));
const seconds = Number(option('seconds', '2'));
const recover = option('recover', '200,2000').split(',').map(Number);
const parts = option('parts', 'cost,recovery,migration,journal').split(',');
/** The journal's part in less time. */
const isQuick = process.argv.includes('--quick');
const isJson = process.argv.includes('--json');
const tell = (line: string): void => console.error(line);

const bars = { cpuRatio: 1.5, addedLatencyMsP99: 5 };

const wait = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));

/** Sessions at which the CPU of a session is taken: enough that what all share costs little, few enough for any machine. */
const costSessions = (frameMs: number): number => (frameMs >= 100 ? 200 : 100);
/** Speakers later than this measured a machine without room, not the gateway. */
const lateMsBar = 50;

/** First the CPU of a session at a small load, then CPU and latency at half of what the pass-through carries on a core. */
async function compare(frameMs: number): Promise<object> {
  const small = await figuresOf(frameMs, costSessions(frameMs));
  const capacity = Math.round(1_000 / small.passThroughCpuMsPerSecond);
  const half = sessions === 0 ? Math.round(capacity / 2) : sessions;
  const figures = {
    frameMs,
    passThroughSessionsPerCore: capacity,
    small,
    half: await figuresOf(frameMs, half),
  };
  tell(JSON.stringify(figures));
  return figures;
}

async function figuresOf(frameMs: number, count: number) {
  const both = await costOf({ frameMs, sessions: count, rounds, sliceSeconds: seconds });
  const cpuMs = (side: Side): number => rounded(quantile(both[side].cpuMs, 0.5));
  const ofSlices = (side: Side, what: 'roundTripsMs' | 'framesMs', q: number): readonly number[] =>
    both[side][what].map((ms) => quantile(ms, q));
  // Like the CPU: what one pair of slices differs by, and of these the median. In one pot a single slice in which the
  // machine was away would be the whole tail.
  const added = (what: 'roundTripsMs' | 'framesMs', q: number): readonly number[] => {
    const bare = ofSlices('pass-through', what, q);
    return ofSlices('gateway', what, q).map((ms, at) => rounded(ms - bare[at]!));
  };
  const median = (values: readonly number[]): number => rounded(quantile(values, 0.5));
  const roundTripsP99 = added('roundTripsMs', 0.99);
  const ratios = both.gateway.cpuMs.map((ms, at) => ms / both['pass-through'].cpuMs[at]!);
  const cpuRatio = rounded(quantile(ratios, 0.5));
  const lateMs = rounded(Math.max(both.gateway.lateMsMax, both['pass-through'].lateMsMax));
  return {
    sessions: count,
    speakersLateMsMax: lateMs,
    hadRoom: lateMs <= lateMsBar,
    cpuRatio,
    cpuRatioMin: rounded(Math.min(...ratios)),
    cpuRatioMax: rounded(Math.max(...ratios)),
    cpuRatioHolds: cpuRatio <= bars.cpuRatio,
    gatewayCpuMsPerSecond: cpuMs('gateway'),
    passThroughCpuMsPerSecond: cpuMs('pass-through'),
    addedRoundTripMsP50: median(added('roundTripsMs', 0.5)),
    addedRoundTripMsP99: median(roundTripsP99),
    addedRoundTripMsP99OfSlices: roundTripsP99,
    addedRoundTripHolds: median(roundTripsP99) <= bars.addedLatencyMsP99,
    addedFrameMsP50: median(added('framesMs', 0.5)),
    addedFrameMsP99: median(added('framesMs', 0.99)),
    passThroughRoundTripMsP99: median(ofSlices('pass-through', 'roundTripsMs', 0.99)),
    gatewayRoundTripMsP99: median(ofSlices('gateway', 'roundTripsMs', 0.99)),
    gatewayKbPerSession: Math.round(both.gateway.bytesPerSession / 1_024),
    passThroughKbPerSession: Math.round(both['pass-through'].bytesPerSession / 1_024),
  };
}

/** SIGKILL with open sessions of 4 s each: until a client may resume, and until each session has its record. */
async function recovery(count: number): Promise<object> {
  const upstream = await new Part().start({ role: 'upstream' });
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const role: Role = {
    role: 'gateway',
    control: upstream.port,
    candidate: upstream.port,
    folder,
    onCandidate: false,
  };
  const speakers = new Speakers(100);
  let part = await new Part().start(role);
  try {
    await speakers.open(part.port, count);
    for (let at = 0; at < 8; at += 1) {
      speakers.burst(sampleRate / 2);
      await wait(300);
    }
    await part.kill();
    const killedAtMs = systemClock.monotonicMs();
    part = await new Part().start(role);
    const listeningMs = systemClock.monotonicMs() - killedAtMs;
    let usage = await part.ask();
    while (usage.ended < count && systemClock.monotonicMs() - killedAtMs < 120_000) {
      await wait(100);
      usage = await part.ask();
    }
    const recordedMs = systemClock.monotonicMs() - killedAtMs;
    const figures = {
      sessions: count,
      recorded: usage.ended,
      samplesLost: usage.samplesLost,
      listeningMs: Math.round(listeningMs),
      allRecordedMs: Math.round(recordedMs),
    };
    tell(`recovery ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await speakers.stop(false);
    await part.kill();
    await upstream.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every live session moved from the candidate to control: from its last text before to its first one after. */
async function migration(count: number): Promise<object> {
  const control = await new Part().start({ role: 'upstream' });
  const candidate = await new Part().start({ role: 'upstream' });
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const part = await new Part().start({
    role: 'gateway',
    control: control.port,
    candidate: candidate.port,
    folder,
    onCandidate: true,
  });
  const speakers = new Speakers(100);
  try {
    await speakers.open(part.port, count);
    speakers.speak();
    await wait(4_000);
    await part.ask({ type: 'migrate' });
    await wait(4_000);
    await speakers.stop(true);
    const { pausesMs, ended, samplesLost } = await part.ask();
    const figures = {
      sessions: count,
      ended,
      moved: pausesMs.length,
      samplesLost,
      pauseMsP50: Math.round(quantile(pausesMs, 0.5)),
      pauseMsP99: Math.round(quantile(pausesMs, 0.99)),
    };
    tell(`migration ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await part.kill();
    await control.kill();
    await candidate.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** MB/s of the journal against raw append and fdatasync, and what else bench/journal.ts measures. */
async function journalFigures(): Promise<object> {
  const script = fileURLToPath(new URL('./journal.ts', import.meta.url));
  const execArgv = ['--conditions=source', '--import=tsx', '--expose-gc'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...execArgv,
    script,
    '--json',
    ...(isQuick ? ['--quick'] : []),
  ]);
  tell(`journal ${stdout.trim()}`);
  return JSON.parse(stdout) as object;
}

/** Nearest rank; NaN without values. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.version };
const loadBefore = loadavg()[0];
const does = (part: string): boolean => parts.includes(part);
const cost = does('cost') ? [await compare(100), await compare(20)] : [];
const recoveries = [];
for (const count of does('recovery') ? recover : []) recoveries.push(await recovery(count));
const moved = does('migration') ? await migration(200) : null;
const journal = does('journal') ? await journalFigures() : null;
const answer = {
  machine,
  load: { before: loadBefore, after: loadavg()[0] },
  cost,
  recovery: recoveries,
  migration: moved,
  journal,
};
if (isJson) console.log(JSON.stringify(answer));
