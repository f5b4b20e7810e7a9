import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import { clockStepImport, clockStepSignal } from '../../acceptance/faults/clock-step.ts';
import { type FaultProxy, startFaultProxy } from '../../acceptance/faults/fault-proxy.ts';
import { killProcess } from '../../acceptance/faults/kill-process.ts';
import { mountSmallDisk, type SmallDisk } from '../../acceptance/faults/small-disk.ts';
import type { Breakable, Target, TargetProcess } from '../../acceptance/target.ts';
import { journalWhiteBox } from '../../acceptance/white-box.ts';
import type { EngineName } from '../../engines/engine.ts';
import type { Defect } from '../../pipelines/defects.ts';
import type { GatewayDefect } from '../processes/gateway-defects.ts';
import { dataPaths, readRunningSystem } from '../data-folder.ts';
import { ownProgram } from '../supervisor/fork-child.ts';
import { gatewayName, startSystem, type System, type SystemEvent } from '../supervisor/system.ts';
import { parseSystemConfig } from '../system-config.ts';
import { referenceBuild } from '../version.ts';

/** A restart that takes longer has failed: a pipeline is ready within two seconds. */
const backLimitMs = 30_000;
/** The wall clocks of the processes step by an hour: longer than any limit of the system. */
const stepMs = 3_600_000;
/** Room for the journal of all trials on one disk, and little enough to be full in a moment. */
const smallDiskMegabytes = 128;
/**
 * The supervisor's own clock runs this much faster, so that it forgets a death within a second: otherwise the tenth
 * kill of a minute would be a crash loop, which is tried every 30 s, and the suite would measure that.
 */
const forgetFactor = 100;

export interface ReferenceOptions {
  readonly kind: 'streaming' | 'legacy';
  readonly behindGateway: boolean;
  /** Default: tone. */
  readonly engine?: EngineName;
  /** Faults of the pipeline's and of the gateway's own, for tests of the suite itself. */
  readonly defect?: Partial<Defect>;
  readonly gatewayDefect?: Partial<GatewayDefect>;
}

/** The reference pipeline in processes of its own, in a folder that goes when the run is over. */
export async function startReference(options: ReferenceOptions): Promise<Target> {
  const breakable: readonly Breakable[] = options.behindGateway
    ? ['client-network', 'upstream-network', 'clocks', ...((await canMount()) ? (['disk'] as const) : [])]
    : ['client-network', 'clocks'];
  return openReference(options, breakable, false);
}

async function openReference(
  options: ReferenceOptions,
  breakable: readonly Breakable[],
  withSmallDisk: boolean,
): Promise<Target> {
  const reference = new Reference(options);
  try {
    return await reference.start(breakable, withSmallDisk);
  } catch (error) {
    await reference.stop();
    throw error;
  }
}

/** One system with everything that breaks it. */
class Reference {
  readonly #options: ReferenceOptions;
  readonly #waiters = new Map<string, () => void>();
  #dataDir = '';
  #system: System | null = null;
  #disk: SmallDisk | null = null;
  readonly #proxies: FaultProxy[] = [];

  constructor(options: ReferenceOptions) {
    this.#options = options;
  }

  async start(breakable: readonly Breakable[], withSmallDisk: boolean): Promise<Target> {
    const { kind, behindGateway } = this.#options;
    this.#dataDir = await mkdtemp(join(tmpdir(), 'crossfade-accept-'));
    if (withSmallDisk) this.#disk = smallDiskAt(dataPaths(this.#dataDir).journal);
    const upstream = await this.#proxy();
    const client = await this.#proxy();
    const program = ownProgram();
    const system = await startSystem({
      config: configOf(this.#options, upstream.port),
      dataDir: this.#dataDir,
      clock: forgetful(systemClock),
      random: systemRandom,
      program: { ...program, execArgv: [...program.execArgv, `--import=${clockStepImport(stepMs)}`] },
      onEvent: (event) => this.#onEvent(event),
    });
    this.#system = system;
    const { pipelines } = await readRunningSystem(this.#dataDir);
    const pipelineUrl = pipelines.find(({ name }) => name === kind)?.url ?? '';
    upstream.setTarget(portOf(pipelineUrl));
    const address = behindGateway ? system.gatewayUrl : pipelineUrl;
    client.setTarget(portOf(address));
    return {
      url: `${address}/v1/listen`,
      name: `the reference pipeline ${kind}`,
      build: referenceBuild(kind),
      system: behindGateway ? 'behind-gateway' : 'direct',
      processes: [
        this.#process(kind, 'pipeline'),
        ...(behindGateway ? [this.#process(gatewayName, 'gateway')] : []),
      ],
      breakable,
      faults: {
        client,
        upstream,
        stepClocks: () => {
          for (const child of system.children.values()) killProcess(child.pid, clockStepSignal);
        },
        ...(this.#disk === null ? {} : { disk: this.#disk }),
      },
      ...(behindGateway
        ? {
            whiteBox: journalWhiteBox(
              dataPaths(this.#dataDir).journal,
              dataPaths(this.#dataDir).journalSyncs,
            ),
          }
        : {}),
      another: ({ disk }) => openReference(this.#options, breakable, disk),
      stop: () => this.stop(),
    };
  }

  async stop(): Promise<void> {
    for (const proxy of this.#proxies) proxy.setMode({ kind: 'pass' });
    await this.#system?.stop();
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.close()));
    this.#disk?.unmount();
    this.#disk = null;
    if (this.#dataDir !== '') await rm(this.#dataDir, { recursive: true, force: true });
  }

  async #proxy(): Promise<FaultProxy> {
    const proxy = await startFaultProxy(systemClock);
    this.#proxies.push(proxy);
    return proxy;
  }

  #onEvent(event: SystemEvent): void {
    if (event.type === 'ready') this.#waiters.get(event.child)?.();
  }

  #process(name: string, role: 'pipeline' | 'gateway'): TargetProcess {
    let back: Promise<void> = Promise.resolve();
    return {
      name,
      role,
      kill: () => {
        back = new Promise((resolve, reject) => {
          const cancel = systemClock.after(backLimitMs, () =>
            reject(new CrossfadeError('TIMEOUT', `Expected ${name} back within ${backLimitMs} ms.`)),
          );
          this.#waiters.set(name, () => {
            cancel();
            resolve();
          });
        });
        this.#system?.children.get(name)?.kill('SIGKILL');
      },
      freeze: () => void killProcess(this.#system?.children.get(name)?.pid, 'SIGSTOP'),
      back: () => back,
    };
  }
}

/** The gateway reaches the pipeline through the proxy alone. */
function configOf(
  { kind, engine = 'tone', defect, gatewayDefect }: ReferenceOptions,
  proxyPort: number,
): ReturnType<typeof parseSystemConfig> {
  // The report says by this name who served.
  const upstream = `${kind}-through-proxy`;
  const config = {
    gateway: { port: 0, syncLog: true, ...(gatewayDefect === undefined ? {} : { defect: gatewayDefect }) },
    pipelines: [
      {
        name: kind,
        kind,
        build: referenceBuild(kind),
        engines: [engine],
        ...(defect === undefined ? {} : { defect }),
      },
    ],
    upstreams: [{ name: upstream, url: `ws://127.0.0.1:${proxyPort}` }],
    control: upstream,
  };
  return parseSystemConfig(JSON.stringify(config), 'the reference system');
}

function smallDiskAt(folder: string): SmallDisk {
  const mounted = mountSmallDisk(folder, smallDiskMegabytes);
  if (mounted.ok) return mounted.disk;
  throw new CrossfadeError('INTERNAL', `Expected a small disk, got none: ${mounted.why}.`);
}

async function canMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'crossfade-mount-'));
  try {
    const mounted = mountSmallDisk(folder, 1);
    if (mounted.ok) mounted.disk.unmount();
    return mounted.ok;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function forgetful(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() * forgetFactor,
    after: (delayMs, task) => clock.after(delayMs, task),
  };
}
