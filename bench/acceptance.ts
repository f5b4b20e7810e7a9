/**
 * How much the acceptance suite can carry: `npm run bench:acceptance [-- SESSIONS]`. First how long it scores 30,000
 * entries, then what SESSIONS (200) real-time sessions cost its process, driven and scored, with the target in another.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@crossfade/sdk/core/clock';
import { RunTotals } from '../packages/crossfade/src/acceptance/metric-results.ts';
import { sessionCaseOf } from '../packages/crossfade/src/acceptance/make-case.ts';
import type { Observation } from '../packages/crossfade/src/acceptance/observation.ts';
import { DeepgramDriver } from '../packages/crossfade/src/acceptance/deepgram-driver.ts';
import { runAcceptance } from '../packages/crossfade/src/acceptance/run-acceptance.ts';
import { parseScenario } from '../packages/crossfade/src/acceptance/scenario.ts';
import { scoreSession } from '../packages/crossfade/src/acceptance/score-session.ts';
import { remoteTarget } from '../packages/crossfade/src/acceptance/target.ts';
import { ToneProbe } from '../packages/crossfade/src/acceptance/tone-probe.ts';
import { createEngines } from '../packages/crossfade/src/engines/registry.ts';
import { startPipeline } from '../packages/crossfade/src/pipelines/pipeline.ts';

const entriesWanted = 30_000;
const talkMs = 20_000;

if (process.argv[2] === 'target') await serve();
else {
  scoreEntries();
  await drive(Number(process.argv[2] ?? 200));
  process.exit(0);
}

/** The target, in a process of its own. */
async function serve(): Promise<void> {
  const pipeline = await startPipeline({
    kind: 'streaming',
    host: '127.0.0.1',
    port: 0,
    build: 'bench',
    engines: createEngines({ names: ['tone'] }),
    // The machine may be busy; being behind is then not the target's fault.
    limits: { admissionBacklogMs: 3_600_000 },
    clock: systemClock,
  });
  process.send?.(pipeline.port);
  process.once('disconnect', () => process.exit(0));
}

/** Scores made-up observations of sessions with five entries each, and judges them. */
function scoreEntries(): void {
  const probe = new ToneProbe();
  const observations = Array.from({ length: entriesWanted / 5 }, (_, i) => observed(probe, i));
  const startedAtMs = systemClock.monotonicMs();
  const before = process.cpuUsage();
  const totals = new RunTotals(probe);
  let entries = 0;
  for (const observation of observations) {
    const score = scoreSession(observation);
    entries += score.counts.entries;
    totals.add(sessionCaseOf(observation, score, { inside: null }));
  }
  totals.results('');
  const tookMs = systemClock.monotonicMs() - startedAtMs;
  const { user, system } = process.cpuUsage(before);
  console.log(
    `scored ${entries} entries of ${observations.length} sessions in ${Math.round(tookMs)} ms, ${Math.round((user + system) / 1_000)} ms of CPU`,
  );
}

/** A session of five utterances of two words, each with a partial and a final. */
function observed(probe: ToneProbe, number: number): Observation {
  const speech = probe.speech({
    seed: number,
    number,
    sampleRate: 16_000,
    durationMs: 5_000,
    leadMs: 200,
    tailMs: 0,
    end: 'word',
    wordsPerUtterance: [2, 2],
    pauseMs: [500, 500],
    gain: 1,
    isSilent: false,
  });
  const words = speech.words.slice(0, 10);
  const texts = [0, 2, 4, 6, 8].flatMap((first) => {
    const said = words.slice(first, first + 2);
    const start = said[0]!.start;
    const end = said[1]!.end;
    const text = said.map((word) => word.text).join(' ');
    const atMs = end / 16 + 350;
    return [false, true].map((isFinal) => ({ isFinal, start, end, text, words: said, atMs }));
  });
  const total = words.at(-1)!.end;
  return {
    spec: {
      id: `bench-${number}`,
      scenario: 'bench',
      speech,
      pace: 1,
      frameMs: 40,
      client: 'stock',
      stop: 'close',
      dropAtShare: null,
    },
    accepted: { sessionId: null, build: null },
    sentSamples: total,
    lateMs: Array.from({ length: 125 }, () => 1),
    texts,
    stoppedAtMs: total / 16,
    doneAtMs: total / 16 + 50,
    endedAtMs: total / 16 + 60,
    problem: null,
  };
}

async function drive(sessions: number): Promise<void> {
  const target = fork(fileURLToPath(import.meta.url), ['target'], {
    execArgv: ['--conditions=source', '--import=tsx'],
  });
  const port = await new Promise<number>((resolve) => target.once('message', resolve));
  const url = `ws://127.0.0.1:${port}/v1/listen`;
  const talk = parseScenario(
    JSON.stringify({
      schema: 'crossfade.scenario/1',
      name: 'talk',
      about: 'Steady talk.',
      speech: { durationMs: [talkMs, talkMs] },
    }),
    'bench',
  );
  const before = process.cpuUsage();
  const report = await runAcceptance({
    target: remoteTarget(url),
    drivers: { stock: (address) => new DeepgramDriver({ url: address }) },
    probe: new ToneProbe(),
    scenarios: [talk],
    profile: { name: 'bench', limitMs: 120_000, lanes: sessions, replicas: 1, counts: { talk: sessions } },
    seed: 1,
    requirement: { level: 'within-limits', levels: {}, waivers: [] },
    suite: 'bench',
    clock: systemClock,
  });
  const { user, system } = process.cpuUsage(before);
  const cores = (user + system) / 1_000 / report.run.tookMs;
  const late = report.run.senderLateMs;
  const latency = report.metrics.find(({ id }) => id === 'finalization-latency');
  console.log(
    `${report.run.sessions} real-time sessions of ${talkMs / 1_000} s at once: ${cores.toFixed(2)} of one core, ` +
      `frames late p99 ${late.p99} ms (max ${late.max}), finals p95 ${latency?.value} ms, ${report.run.failedSessions} broken`,
  );
  if (report.run.failedSessions > 0) console.log(report.sentence);
  target.kill();
}
