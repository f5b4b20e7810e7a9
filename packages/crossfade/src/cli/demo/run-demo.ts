import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@crossfade/sdk/core/clock';
import type { Random } from '@crossfade/sdk/core/random';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import type { RolloutStatus } from '../../controller/rollout-status.ts';
import { createSynthesizer } from '../../engines/flite.ts';
import { corpus } from '../../engines/speech-corpus.ts';
import { ControlClient } from '../../server/control-client.ts';
import { startSystem, type System, type SystemEvent } from '../supervisor/system.ts';
import { Crowd } from './crowd.ts';
import { DemoVoice } from './demo-audio.ts';
import { demoCulprits, type DemoDefect, demoPipelines, demoSystem } from './demo-system.ts';
import { DemoWatch } from './demo-watch.ts';
import { chooseEngines, type DemoEngines, type EngineWish } from './engine-choice.ts';
import { type DemoSummary, outcomeOf } from './outcome.ts';
import { defaultLanes, type TrafficPlan } from './traffic.ts';
import { fittingLanes, warmUp } from './warm-up.ts';

export interface DemoOptions {
  readonly wish: EngineWish;
  /** Sessions at once; what two cores carry when absent. */
  readonly lanes?: number;
  readonly seed: number;
  readonly defect: DemoDefect;
  /** Leave the good build out: what serves is the control of the bad one from the begin. */
  readonly onlyDefect: boolean;
  /** Keep the data folder, and say where it is. */
  readonly keep: boolean;
  /** How much faster than the wall the plans' bakes run. */
  readonly bakeClockSpeed: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly tell: (line: string) => void;
  readonly onSystemEvent: (event: SystemEvent) => void;
  /** Aborts the demo: Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Longest wait for a rollout to end; the whole demo is to take under four minutes. */
const rolloutLimitMs = 240_000;
/** The folder of example plans; sources and built program are equally deep in the checkout. */
const examples = new URL('../../../../../examples/', import.meta.url);

/** Of the crowd, so many meet the second build before it is taken back. */
const firstStagesShare = 0.25;

const by = (reason: string): { actor: string; reason: string } => ({ actor: 'demo', reason });

/** The main job, end to end, on this machine. Leaves nothing running, whatever happens. */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { clock, tell } = options;
  const engines = await chooseEngines(options.wish, tell);
  const startedAtMs = clock.monotonicMs();
  const voice = await prepareVoice(engines, tell);
  const dataDir = await mkdtemp(join(tmpdir(), 'crossfade-demo-'));
  let system: System | null = null;
  try {
    system = await startSystem({
      config: demoSystem(engines, { name: options.defect, seed: options.seed }),
      dataDir,
      clock,
      random: options.random,
      bakeClockSpeed: options.bakeClockSpeed,
      onEvent: options.onSystemEvent,
    });
    tell(`Two pipelines are up: ${demoPipelines.old} serves, ${demoPipelines.good} is the candidate.`);
    const plan = await seat(options, engines, system);
    return await new Demo(options, plan, voice, system, startedAtMs).run();
  } finally {
    await system?.stop();
    if (options.keep) tell(`Data and logs are kept in ${dataDir}`);
    else await rm(dataDir, { recursive: true, force: true });
  }
}

async function prepareVoice(engines: DemoEngines, tell: (line: string) => void): Promise<DemoVoice> {
  if (engines === 'tone') {
    tell(
      'Speaking probe tones: coded words, whose place is known to the sample. This is not speech recognition.',
    );
    return new DemoVoice(null);
  }
  tell('Speaking sentences (flite) to pocketsphinx, and probe tones among them.');
  const voice = new DemoVoice(await createSynthesizer());
  await voice.rehearse();
  return voice;
}

/** Warms the recognizers up and decides how many speakers this machine carries, unless a person said so. */
async function seat(options: DemoOptions, engines: DemoEngines, system: System): Promise<TrafficPlan> {
  const { clock, seed, tell } = options;
  const lanes = options.lanes ?? defaultLanes[engines];
  const plan = { seed, lanes, engines, sentenceCount: corpus.length };
  const startedAtMs = clock.monotonicMs();
  const urls = [demoPipelines.old, demoPipelines.good].map((name) => system.pipelineUrl(name));
  await Promise.all(urls.map((url) => warmUp(url, plan, 1, clock)));
  if (options.lanes !== undefined) return plan;
  const fitting = fittingLanes(lanes, clock.monotonicMs() - startedAtMs);
  if (fitting < lanes) tell(`This machine is busy: ${fitting} speakers instead of ${lanes}.`);
  return { ...plan, lanes: fitting };
}

/** One run: speakers on, first rollout to its end, second one to its rollback, speakers off, accounts. */
class Demo {
  readonly #options: DemoOptions;
  readonly #system: System;
  readonly #plan: TrafficPlan;
  readonly #crowd: Crowd;
  readonly #watch: DemoWatch;
  readonly #startedAtMs: number;
  #acceptance: DemoSummary['acceptance'] = null;

  constructor(
    options: DemoOptions,
    plan: TrafficPlan,
    voice: DemoVoice,
    system: System,
    startedAtMs: number,
  ) {
    const { clock, tell } = options;
    this.#options = options;
    this.#system = system;
    this.#startedAtMs = startedAtMs;
    this.#plan = plan;
    this.#crowd = new Crowd({ plan, voice, gatewayUrl: system.gatewayUrl, clock });
    this.#watch = new DemoWatch({ system, crowd: this.#crowd, clock, tell, startedAtMs });
  }

  async run(): Promise<DemoSummary> {
    const { tell } = this.#options;
    const client = await ControlClient.forDataFolder(this.#system.dataDir);
    const report = this.#options.onlyDefect ? null : await this.#accept();
    await this.#watch.open();
    try {
      tell(`${this.#plan.lanes} speakers take their seats.`);
      this.#crowd.start();
      const good =
        report === null
          ? null
          : await this.#rollOut(client, 'demo-streaming.yaml', (name) =>
              client.accept(name, report, by('the acceptance run of the demo')),
            );
      const isReady = good === null || good.state === 'completed';
      const bad = isReady ? await this.#secondBuild(client) : null;
      tell('The speakers finish their sentences.');
      const sessions = await this.#crowd.stop();
      const records = await this.#watch.allRecords(sessions.length);
      return outcomeOf({
        sessions,
        records,
        good,
        bad,
        culprits: demoCulprits[this.#options.defect],
        stages: await stagesOf(client),
        wholePipelines: new Set([demoPipelines.good]),
        acceptance: this.#acceptance,
        peakSessions: this.#watch.peakSessions,
        durationMs: this.#options.clock.monotonicMs() - this.#startedAtMs,
      });
    } finally {
      await this.#crowd.cut();
      await this.#watch.close();
    }
  }

  /** Proof first: the acceptance suite on this very build, before anybody speaks. */
  async #accept(): Promise<AcceptanceReport> {
    const { clock, seed, signal, tell } = this.#options;
    const { good } = demoPipelines;
    const { acceptPipeline } = await import('./demo-acceptance.ts');
    tell(`Acceptance of ${good}, before anybody gets it: a short form of crossfade accept.`);
    const url = this.#system.pipelineUrl(good);
    let accepted = await acceptPipeline(good, url, { clock, seed, signal });
    signal.throwIfAborted();
    if (accepted.report.result !== 'passed' && accepted.report.run.senderWasLate) {
      tell('This machine was too busy to measure. Once more.');
      accepted = await acceptPipeline(good, url, { clock, seed, signal });
      signal.throwIfAborted();
    }
    const { report, htmlPath } = accepted;
    this.#acceptance = { result: report.result, sentence: report.sentence, htmlPath };
    tell(`${report.sentence} The report: ${htmlPath}`);
    return report;
  }

  async #secondBuild(client: ControlClient): Promise<RolloutStatus> {
    const { bad } = demoPipelines;
    this.#options.tell(`Now a second build, ${bad}. Nobody tells the controller what is wrong with it.`);
    await this.#system.startPipeline(bad);
    await warmUp(this.#system.pipelineUrl(bad), this.#plan, firstStagesShare, this.#options.clock);
    return this.#rollOut(client, 'demo-streaming-next.yaml', (name) =>
      client.command(name, 'waive-acceptance', by('somebody is in a hurry and skips the acceptance run')),
    );
  }

  /** What a person would do: apply the plan, start it, open its first stage; then it walks by itself. */
  async #rollOut(
    client: ControlClient,
    planFile: string,
    open: (name: string) => Promise<RolloutStatus>,
  ): Promise<RolloutStatus> {
    const plan = await readFile(new URL(planFile, examples), 'utf8');
    const { name } = await client.apply(plan, by('a new build for the demo'));
    await client.command(name, 'start', by('the demo begins'));
    await open(name);
    return this.#watch.untilOver(name, rolloutLimitMs, this.#options.signal);
  }
}

/** The stages that each rollout entered, by its audit. */
async function stagesOf(client: ControlClient): Promise<Record<string, readonly string[]>> {
  const stages: Record<string, readonly string[]> = {};
  for (const { name } of await client.rollouts()) {
    const entered = (await client.history(name)).filter(({ type }) => type === 'stage-entered');
    stages[name] = entered.map(
      ({ event }) => (event as { after: { stage: string | null } }).after.stage ?? '?',
    );
  }
  return stages;
}
