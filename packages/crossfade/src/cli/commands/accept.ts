import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, hasCode, messageOf } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import type { DeepgramTarget } from '../../acceptance/deepgram-driver.ts';
import type { EngineName } from '../../engines/engine.ts';
import { type Profile, type ProfileName, profiles } from '../../acceptance/profile.ts';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import {
  parseRequirement,
  parseWaivers,
  type Requirement,
  type RunResult,
} from '../../acceptance/requirement.ts';
import type { AcceptanceOptions } from '../../acceptance/acceptance-options.ts';
import { brokenDrivers, brokenTarget, remoteTarget, type Target } from '../../acceptance/target.ts';
import type { Drivers } from '../../acceptance/driver.ts';
import { type CommandIo, complain, complaint } from '../command-io.ts';
import { exitCode, type ExitCode, exitCodeOf } from '../exit-code.ts';
import { interruptible } from '../interruptible.ts';
import { version } from '../version.ts';
import { asksForReport, checkOutputs, writeReports } from './accept-outputs.ts';
import { type EngineWish, engineWishes, referenceEngine } from './accept-engine.ts';
import { leaf } from './leaf.ts';

interface AcceptOptions {
  readonly target?: string;
  readonly spawn?: string;
  readonly pipeline?: 'streaming' | 'legacy';
  readonly behindGateway?: boolean;
  readonly engine: EngineWish;
  readonly profile: ProfileName;
  readonly probe: 'tone' | 'speech';
  readonly recordings?: string;
  readonly model?: string;
  readonly query?: readonly string[];
  readonly seed: number;
  readonly case?: string;
  readonly sessions?: number;
  readonly scenario?: readonly string[];
  readonly resume?: string;
  readonly resumable?: boolean;
  readonly require: string;
  readonly waive?: readonly string[];
  readonly build?: string;
  readonly for?: string;
  readonly data?: string;
  readonly actor?: string;
  readonly html?: string;
  readonly markdown?: string;
  readonly report?: string;
  readonly json?: boolean;
}

/** More speakers than this are a load test, which is another program. */
const lanesMax = 400;
const listenPath = '/v1/listen';

/** `crossfade accept`: prove that a pipeline is fit, or show why not. */
export function addAccept(program: Command, io: CommandIo): void {
  leaf(program, 'accept', 'Prove that a transcription pipeline is fit, or show exactly why not.', [
    'crossfade accept --pipeline streaming --behind-gateway --html report.html',
    'crossfade accept --spawn "node my-server.js --port {port}"',
    'crossfade accept --target ws://host/v1/listen --waive recovery-success "a vendor cannot be killed" \\',
    '                 --waive durability-loss "a vendor cannot be killed"',
  ])
    .option('--target <url>', 'a running server of the listen protocol; its key in CROSSFADE_TARGET_KEY')
    .option('--spawn <command>', 'start this command, with {port} in it, and kill it on purpose')
    .addOption(new Option('--pipeline <kind>', 'start a reference pipeline').choices(['streaming', 'legacy']))
    .option('--behind-gateway', 'with --pipeline: test it behind the gateway')
    .addOption(
      new Option('--engine <name>', 'with --pipeline: what recognizes').choices(engineWishes).default('auto'),
    )
    .addOption(
      new Option('--profile <name>', 'how much is asked').choices(Object.keys(profiles)).default('smoke'),
    )
    .addOption(new Option('--probe <kind>', 'how truth is known').choices(['tone', 'speech']).default('tone'))
    .option('--recordings <dir>', 'play NAME.wav beside NAME.txt of this folder, and count word errors')
    .option('--model <name>', 'model the target is asked for')
    .option('--query <name=value...>', 'further parameters of the listen request')
    .option('--seed <number>', 'of everything that is said and broken', wholeNumber(0, 2 ** 31 - 1), 1)
    .option('--case <id>', 'run this case alone')
    .option('--scenario <path...>', 'also run the scenarios of this file or folder')
    .option('--resumable', 'the target is a Crossfade gateway: its clients can take sessions up again')
    .option('--resume <dir>', 'keep completed cases in this folder, and go on after those that are there')
    .option('--sessions <number>', 'most sessions at once', wholeNumber(1, lanesMax))
    .option(
      '--require <level>',
      'within-limits, certified, or a file with a level per metric',
      'within-limits',
    )
    .option('--waive <id-and-reason...>', 'go on without a metric that cannot be measured here')
    .option('--build <digest>', 'the build under test, where the target does not say it')
    .option('--for <rollout>', 'hand the report to this rollout of the running system')
    .option('--data <dir>', 'with --for: data folder of the running system')
    .option('--actor <name>', 'with --for: who hands it over, for the audit (default: your user name)')
    .option('--html <file>', 'write the report as a page')
    .option('--markdown <file>', 'write the report as Markdown')
    .option('--report <file>', 'write the report as JSON')
    .action(async (options: AcceptOptions) => {
      try {
        await accept(options, io);
      } catch (error) {
        complain(io, options.json === true, error);
        // 1 and 2 say something of the target; a command that could not run does not.
        io.exit(exitCode.couldNotRun);
      }
    });
}

const codeOf: Readonly<Record<RunResult, ExitCode>> = {
  passed: 0,
  failed: 1,
  'evidence-missing': 2,
  'could-not-run': 3,
};

async function accept(options: AcceptOptions, io: CommandIo): Promise<void> {
  const { planOf } = await import('../../acceptance/run-acceptance.ts');
  const { DeepgramDriver } = await import('../../acceptance/deepgram-driver.ts');
  const { ResumingDriver } = await import('../../acceptance/resuming-driver.ts');
  const { openProbe } = await import('./accept-probe.ts');
  const { countRendered } = await import('../../acceptance/rendered-count.ts');
  const { scenariosOf } = await import('./accept-scenarios.ts');
  const requirement = await requirementOf(options);
  await checkOutputs(options);
  const engine = options.pipeline === undefined ? null : await referenceEngine(options);
  const base: Profile = profiles[options.profile];
  // A recognizer of speech takes one session a core, and refuses others.
  const lanes = options.sessions ?? (engine === 'pocketsphinx' ? availableParallelism() : base.lanes);
  const asked = { ...base, lanes };
  const { probe, profile: spoken } = await openProbe(options, asked);
  const { scenarios, profile } = await scenariosOf(options.scenario ?? [], spoken);
  const query = queryOf(options.query ?? []);
  // With --json stdout is for the one object.
  const tell = options.json === true ? io.err : io.out;
  // Ctrl-C ends the run in order: its report says partial, what it started goes.
  await interruptible(async (stopper) => {
    const opened = await openedTarget(options, engine);
    const { target } = opened;
    try {
      const { planText, progressTeller } = await import('../../acceptance/progress-text.ts');
      const key = io.env['CROSSFADE_TARGET_KEY'];
      const model = options.model ?? engine ?? undefined;
      const addressed = (url: string): DeepgramTarget => ({
        url,
        query,
        ...(key === undefined ? {} : { key }),
        ...(model === undefined ? {} : { model }),
      });
      const run: AcceptanceOptions = {
        target,
        drivers: opened.broken ?? {
          stock: (url) => new DeepgramDriver(addressed(url)),
          // Only the gateway keeps a session for a client that comes back.
          ...(options.behindGateway === true || options.resumable === true
            ? { resuming: (url: string) => new ResumingDriver(addressed(url), systemClock) }
            : {}),
        },
        probe,
        scenarios,
        profile,
        seed: options.seed,
        requirement,
        suite: version,
        clock: systemClock,
        ...buildOf(options, target),
        render: (sessions) => countRendered(sessions, io.env),
        ...(options.case === undefined ? {} : { caseId: options.case }),
        replayOf: (caseId) => replayOf(options, caseId),
        signal: stopper,
        onProgress: progressTeller(systemClock, tell),
      };
      const plan = planOf(run);
      tell(planText(plan, profile, target));
      const report = await keptRun(run, plan.corpusDigest, options, tell);
      const handed = options.for === undefined ? null : await handedOver(report, options, io, tell);
      await show(report, options, io);
      io.exit(codeOf[report.result]);
      if (handed !== null && report.result === 'passed') io.exit(handed);
      await writeReports(report, options).catch((error: unknown) => {
        // The verdict is told already, and with --json it stays the one object.
        complain(io, false, error);
        io.exit(exitCode.couldNotRun);
      });
    } finally {
      await target.stop();
    }
  });
}

/** The verdict, before anything is written: a full disk must not take it. Nothing was tested: the sentence says it all. */
async function show(report: AcceptanceReport, options: AcceptOptions, io: CommandIo): Promise<void> {
  const isWritten = asksForReport(options);
  if (report.result === 'could-not-run') {
    io.err(`${complaint()} ${report.sentence}${isWritten ? ' The report is partial.' : ''}`);
  }
  if (options.json === true) io.out(JSON.stringify(report));
  else if (report.result !== 'could-not-run') {
    const { reportTable } = await import('../../acceptance/report-table.ts');
    io.out(reportTable(report, { isWritten }));
  }
}

/** A run whose completed cases are kept, where it is long or was asked to. */
async function keptRun(
  run: AcceptanceOptions,
  corpusDigest: string,
  options: AcceptOptions,
  tell: (line: string) => void,
): Promise<AcceptanceReport> {
  const { runAcceptance } = await import('../../acceptance/run-acceptance.ts');
  const { runFolderOf } = await import('./accept-scenarios.ts');
  const { name } = run.target;
  const path =
    options.case === undefined ? runFolderOf(options.resume, run.profile, name, corpusDigest) : null;
  if (path === null) return runAcceptance(run);
  const { RunFolder } = await import('../../acceptance/run-folder.ts');
  const folder = new RunFolder(path, { suite: run.suite, target: name, corpusDigest });
  tell(`Completed cases are kept in ${path}; the same command goes on after them.`);
  const report = await runAcceptance({ ...run, store: folder });
  folder.end(!report.partial);
  if (report.partial && report.result !== 'could-not-run')
    tell('The run is not over: the same command goes on after what is done.');
  return report;
}

/** What the one who runs the suite knows of the build; what the target says is held against it. */
function buildOf({ build }: AcceptOptions, target: Target): Pick<AcceptanceOptions, 'build'> {
  const known = build ?? target.build;
  return known === undefined ? {} : { build: known };
}

/** The rollout takes the report or says why not; the report is written all the same. */
async function handedOver(
  report: AcceptanceReport,
  options: AcceptOptions,
  io: CommandIo,
  tell: (line: string) => void,
): Promise<ExitCode> {
  const { handOver } = await import('./hand-over.ts');
  try {
    tell(await handOver(report, { ...options, for: options.for as string }, io));
    return exitCode.ok;
  } catch (error) {
    complain(io, false, error);
    return exitCodeOf(error);
  }
}

async function requirementOf(options: AcceptOptions): Promise<Requirement> {
  const waivers = parseWaivers(options.waive ?? []);
  const { require: wanted } = options;
  if (wanted === 'within-limits' || wanted === 'certified') return { level: wanted, levels: {}, waivers };
  if (!/[.](ya?ml|json)$/.test(wanted)) {
    throw new CrossfadeError(
      'USAGE',
      `Expected --require within-limits, certified or a .yaml or .json file, got "${wanted}".`,
    );
  }
  return { ...parseRequirement(await readFile(wanted, 'utf8'), wanted), waivers };
}

function queryOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(word) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new CrossfadeError('USAGE', `Expected --query name=value, got "${word}".`);
    }),
  );
}

/** The target, or why it could not be started; what was asked wrongly is thrown. */
async function openedTarget(
  options: AcceptOptions,
  engine: EngineName | null,
): Promise<{ readonly target: Target; readonly broken?: Drivers }> {
  try {
    return { target: await openTarget(options, engine) };
  } catch (error) {
    if (hasCode(error, 'USAGE')) throw error;
    const name = options.spawn ?? `the reference pipeline ${options.pipeline}`;
    return { target: brokenTarget(name), broken: brokenDrivers(messageOf(error)) };
  }
}

async function openTarget(options: AcceptOptions, engine: EngineName | null): Promise<Target> {
  const { target, spawn, pipeline, behindGateway } = options;
  const named = Object.entries({ target, spawn, pipeline }).filter(([, value]) => value !== undefined);
  if (named.length !== 1) {
    const came = named.length === 0 ? 'none' : named.map(([name]) => `--${name}`).join(' and ');
    throw new CrossfadeError('USAGE', `Expected one of --target, --spawn and --pipeline, got ${came}.`);
  }
  if (behindGateway === true && pipeline === undefined) {
    throw new CrossfadeError('USAGE', 'Expected --behind-gateway with --pipeline.');
  }
  if (options.engine !== 'auto' && pipeline === undefined) {
    throw new CrossfadeError('USAGE', 'Expected --engine with --pipeline.');
  }
  if (pipeline !== undefined) {
    const { startReference } = await import('./accept-reference.ts');
    return startReference({
      kind: pipeline,
      behindGateway: behindGateway === true,
      ...(engine === null ? {} : { engine }),
    });
  }
  if (spawn !== undefined) {
    const { spawnTarget } = await import('../../acceptance/spawned-target.ts');
    return spawnTarget(spawn, listenPath, systemClock, systemRandom);
  }
  return remoteTarget(listenAddress(target as string));
}

/** The address as the driver needs it; a host alone gets the protocol's path. */
function listenAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^wss?:$/.test(url.protocol)) {
    throw new CrossfadeError('USAGE', `Expected --target to be a ws:// or wss:// address, got "${text}".`);
  }
  if (url.pathname === '/') url.pathname = listenPath;
  return url.href;
}

function replayOf(options: AcceptOptions, caseId: string): string {
  const { target, spawn, pipeline, behindGateway, profile, probe, recordings, seed } = options;
  const quoted = (words: readonly string[]): string => words.map((word) => JSON.stringify(word)).join(' ');
  const system =
    pipeline !== undefined
      ? `--pipeline ${pipeline}${behindGateway === true ? ' --behind-gateway' : ''}`
      : spawn !== undefined
        ? `--spawn ${JSON.stringify(spawn)}`
        : `--target ${target}`;
  const said =
    recordings === undefined
      ? probe === 'tone'
        ? ''
        : ` --probe ${probe}`
      : ` --recordings ${JSON.stringify(recordings)}`;
  const asked = [
    pipeline === undefined || options.engine === 'auto' ? '' : ` --engine ${options.engine}`,
    options.model === undefined ? '' : ` --model ${JSON.stringify(options.model)}`,
    options.query === undefined ? '' : ` --query ${quoted(options.query)}`,
    options.resumable === true ? ' --resumable' : '',
    options.scenario === undefined ? '' : ` --scenario ${quoted(options.scenario)}`,
  ].join('');
  return `crossfade accept ${system} --profile ${profile}${said}${asked} --case ${caseId} --seed ${seed}`;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
