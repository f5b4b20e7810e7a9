import { once } from 'node:events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import type { EngineName } from '../../engines/engine.ts';
import { engineNames } from '../../engines/registry.ts';
import { type CommandIo, say } from '../command-io.ts';
import { readInput } from '../read-input.ts';
import { resolveDataDir } from '../data-folder.ts';
import { exitCode } from '../exit-code.ts';
import { type Interruption, interruptible } from '../interruptible.ts';
import { warningMark } from '../processes/log.ts';
import { startSystem, type System, type SystemEvent } from '../supervisor/system.ts';
import { defaultSystemConfig, parseSystemConfig, type SystemConfig } from '../system-config.ts';
import { WarningDigest } from '../warning-digest.ts';
import { engineHint } from './engine-hint.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

interface UpOptions extends CommonOptions {
  readonly config?: string;
  readonly port?: number;
  readonly engine?: EngineName;
}

/** `crossfade up`: the whole system on this machine, until it is asked to stop. */
export function addUp(program: Command, io: CommandIo): void {
  systemLeaf(program, 'up', 'Start gateway, control plane and pipelines, each a process of its own.', [
    'crossfade up',
    'crossfade up --config examples/crossfade.yaml --data /var/lib/crossfade',
    'crossfade up --port 0 --engine tone --json',
  ])
    .option(
      '--config <file>',
      'system configuration, YAML or JSON (default: two pipelines, legacy and streaming)',
    )
    .option('--port <number>', 'port of the gateway, 0 for any free one', readPort)
    .addOption(new Option('--engine <name>', 'the one engine of every pipeline').choices(engineNames))
    .action(async (options: UpOptions) => {
      const config = await readConfig(options);
      const dataDir = resolveDataDir(options.data, io.env);
      // From the first moment on, so that Ctrl-C while the system starts is not lost.
      await interruptible(async (stop) => {
        const system = await startSystem({
          config,
          dataDir,
          clock: systemClock,
          random: systemRandom,
          onEvent: eventTeller(io),
        });
        say(io, options.json === true, {
          json: describe(system),
          text: greeting(system, engineHint(config.pipelines)),
        });
        if (!stop.aborted) await once(stop, 'abort');
        const name = stop.reason as Interruption;
        io.err(`${name} received; stopping. Once more to stop at once.`);
        process.once(name, () => process.exit(exitCode.failed));
        await system.stop();
      });
    });
}

async function readConfig({ config: file, port, engine }: UpOptions): Promise<SystemConfig> {
  const config = file === undefined ? defaultSystemConfig : parseSystemConfig(await readInput(file), file);
  const gateway = port === undefined ? config.gateway : { ...config.gateway, port };
  const pipelines =
    engine === undefined
      ? config.pipelines
      : config.pipelines.map((pipeline) => ({ ...pipeline, engines: [engine] }));
  return { ...config, gateway, pipelines };
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
}

/** What a person should know of the processes, on stderr. The first `ready` of each is part of the greeting. */
export function eventTeller(io: CommandIo): (event: SystemEvent) => void {
  const warnings = new WarningDigest(systemClock, (line) => io.err(line));
  return (event) => {
    if (event.type === 'ready' && event.restarts > 0) io.err(`${event.child} is back (pid ${event.pid}).`);
    if (event.type === 'exited') io.err(`${event.child} ${event.why}; starting it again.`);
    if (event.type === 'crash-loop') {
      io.err(
        `${event.child} died more than ten times in a minute (last: ${event.why}); trying every ${event.retryInMs / 1_000} s.`,
      );
    }
    if (event.type === 'problem') warnings.add(`${event.child}: ${event.sentence}`);
    if (event.type === 'output' && event.line.startsWith(warningMark)) {
      warnings.add(`${event.child}: ${event.line.slice(warningMark.length)}`);
    }
  };
}

function describe(system: System): object {
  return {
    gatewayUrl: system.gatewayUrl,
    controlUrl: system.controlUrl,
    dataDir: system.dataDir,
    pid: process.pid,
    processes: Object.fromEntries([...system.children].map(([name, child]) => [name, { pid: child.pid }])),
  };
}

function greeting(system: System, hint: string | null): string {
  const lines = [...system.children].map(([name, child]) => `  ${name.padEnd(16)} pid ${child.pid}`);
  return [
    `Crossfade is up. Speak Deepgram to ${system.gatewayUrl}/v1/listen`,
    ...lines,
    ...(hint === null ? [] : [hint]),
    `Data and logs: ${system.dataDir}. Stop with Ctrl-C.`,
  ].join('\n');
}
