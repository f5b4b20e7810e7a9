import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Random } from '@crossfade/sdk/core/random';
import { forgetRunningSystem, makeDataDir, writeRunningSystem } from '../data-folder.ts';
import type { Addresses, ChildKind, ChildSettings } from '../processes/messages.ts';
import { type FolderLock, lockFolder } from '../../journal/folder-lock.ts';
import type { SystemConfig } from '../system-config.ts';
import { forkChild, ownProgram, type Program } from './fork-child.ts';
import { type ChildEvent, ManagedChild } from './managed-child.ts';
import { choosePorts, isFree } from './ports.ts';
import { ProcessWatch, type WatchTiming } from './process-watch.ts';
import { usageOf } from './process-usage.ts';
import { sendSamples, watchedProcess } from './watched-process.ts';

export interface SystemOptions {
  readonly config: SystemConfig;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  /** How much faster than the wall the bake clock runs; 1 but for the demo. */
  readonly bakeClockSpeed?: number;
  readonly onEvent?: (event: SystemEvent) => void;
  /** What is forked; this program unless a test says otherwise. */
  readonly program?: Program;
  readonly watch?: Partial<WatchTiming>;
}

export type SystemEvent =
  | ChildEvent
  | { readonly type: 'output'; readonly child: string; readonly line: string }
  /** Something of the supervisor's own that a person should know. */
  | { readonly type: 'problem'; readonly child: string; readonly sentence: string };

/** Time for the gateway to end its sessions, then for each other process; SIGKILL after it. */
const gatewayStopMs = 10_000;
const otherStopMs = 5_000;

export const controlPlaneName = 'control-plane';
export const gatewayName = 'gateway';

/** Control plane, gateway and pipelines, each a process of its own on this machine. */
export interface System {
  readonly dataDir: string;
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  /** All processes by name: `control-plane`, `gateway`, and the pipelines that were started. */
  readonly children: ReadonlyMap<string, ManagedChild>;
  /** `ws://host:port` of a pipeline of the configuration, started or not. */
  pipelineUrl(name: string): string;
  /** Starts a pipeline of the configuration that is not started yet. */
  startPipeline(name: string): Promise<void>;
  /** Ends the gateway, then the pipelines, then the control plane, and frees the data folder. Idempotent. */
  stop(): Promise<void>;
}

/** Locks the data folder and starts everything; on any failure nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  await makeDataDir(options.dataDir);
  const lock = lockFolder(options.dataDir);
  try {
    const addresses = await chooseAddresses(options.config, options.random);
    const system = new SupervisedSystem(options, addresses, lock);
    await system.start();
    return system;
  } catch (error) {
    lock.release();
    throw error;
  }
}

class SupervisedSystem implements System {
  readonly dataDir: string;
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  readonly children = new Map<string, ManagedChild>();
  readonly #options: SystemOptions;
  readonly #addresses: Addresses;
  readonly #lock: FolderLock;
  readonly #program: Program;
  readonly #watch: ProcessWatch;
  #stopping: Promise<void> | null = null;

  constructor(options: SystemOptions, addresses: Addresses, lock: FolderLock) {
    this.#options = options;
    this.#addresses = addresses;
    this.#lock = lock;
    this.#program = options.program ?? ownProgram();
    this.dataDir = options.dataDir;
    this.gatewayUrl = `ws://${hostInUrl(addresses.host)}:${addresses.gatewayPort}`;
    this.controlUrl = `http://127.0.0.1:${addresses.controlPort}`;
    const { config, clock, dataDir, onEvent } = options;
    this.#watch = new ProcessWatch({
      processes: () =>
        [...this.children.values()].map((child) => {
          const pipeline = config.pipelines.find(({ name }) => name === child.name);
          return watchedProcess(child, pipeline, pipeline && this.pipelineUrl(pipeline.name));
        }),
      usageOf,
      send: (samples) => sendSamples(dataDir, samples),
      clock,
      ...(options.watch === undefined ? {} : { timing: options.watch }),
      onProblem: (sentence) => onEvent?.({ type: 'problem', child: 'supervisor', sentence }),
    });
  }

  async start(): Promise<void> {
    const { config, clock, dataDir } = this.#options;
    try {
      await this.#startChild(controlPlaneName, 'control-plane');
      const pipelines = config.pipelines.filter(({ autostart }) => autostart);
      // All are waited for, so that none is still starting when another's failure stops the rest.
      const starts = await Promise.allSettled(pipelines.map(({ name }) => this.startPipeline(name)));
      for (const start of starts) if (start.status === 'rejected') throw start.reason;
      await this.#startChild(gatewayName, 'gateway');
      await writeRunningSystem(dataDir, {
        pid: process.pid,
        startedAtMs: clock.nowMs(),
        gatewayUrl: this.gatewayUrl,
        controlUrl: this.controlUrl,
        pipelines: pipelines.map(({ name }) => ({ name, url: this.pipelineUrl(name) })),
      });
      this.#watch.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async startPipeline(name: string): Promise<void> {
    if (this.#addresses.pipelinePorts[name] === undefined) {
      const known = Object.keys(this.#addresses.pipelinePorts).join(', ');
      throw new CrossfadeError(
        'USAGE',
        `Expected a pipeline of the configuration (${known}), got "${name}".`,
      );
    }
    await this.#startChild(name, 'pipeline', name);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#watch.stop();
    // The gateway first, so that its last session records reach a control plane that still listens.
    await this.children.get(gatewayName)?.stop(gatewayStopMs);
    const rest = [...this.children.values()].filter(({ name }) => name !== gatewayName);
    await Promise.all(rest.map((child) => child.stop(otherStopMs)));
    await forgetRunningSystem(this.dataDir);
    this.#lock.release();
  }

  async #startChild(name: string, kind: ChildKind, pipeline?: string): Promise<void> {
    if (this.children.has(name))
      throw new CrossfadeError('USAGE', `Expected ${name} not to run yet; it does.`);
    const { clock, onEvent = () => undefined } = this.#options;
    const child = new ManagedChild({
      name,
      fork: () => forkChild(this.#program, kind, (line) => onEvent({ type: 'output', child: name, line })),
      startMessage: { type: 'start', settings: this.#settings(pipeline) },
      clock,
      onEvent,
    });
    this.children.set(name, child);
    await child.start();
  }

  #settings(pipeline: string | undefined): ChildSettings {
    const { dataDir, config, bakeClockSpeed = 1 } = this.#options;
    const settings = { dataDir, config, addresses: this.#addresses, bakeClockSpeed };
    return pipeline === undefined ? settings : { ...settings, pipeline };
  }

  pipelineUrl(name: string): string {
    return `ws://127.0.0.1:${this.#addresses.pipelinePorts[name]}`;
  }
}

/** Ports that the configuration fixes, and free ones for the rest. */
async function chooseAddresses(config: SystemConfig, random: Random): Promise<Addresses> {
  const { host, port } = config.gateway;
  for (const [where, fixed] of [[host, port] as const, ['127.0.0.1', config.controlPlane.port] as const]) {
    if (fixed !== 0 && !(await isFree(where, fixed))) {
      throw new CrossfadeError(
        'PORT_IN_USE',
        `Expected port ${fixed} on ${where} to be free, got another program that listens there. Name another port with --port, or 0 for any.`,
        { detail: { port: fixed } },
      );
    }
  }
  const free = [...(await choosePorts('127.0.0.1', config.pipelines.length + 2, random))];
  const next = (): number => free.pop() as number;
  return {
    host,
    gatewayPort: port === 0 ? next() : port,
    controlPort: config.controlPlane.port === 0 ? next() : config.controlPlane.port,
    pipelinePorts: Object.fromEntries(config.pipelines.map(({ name }) => [name, next()])),
  };
}

function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
