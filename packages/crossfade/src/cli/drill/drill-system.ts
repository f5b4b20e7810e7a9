/** The real system that a drill breaks: every part a process, and a proxy where the network's faults happen. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@crossfade/sdk/core/clock';
import type { Random } from '@crossfade/sdk/core/random';
import { clockStepImport } from '../../acceptance/faults/clock-step.ts';
import { startFaultProxy, type FaultProxy } from '../../acceptance/faults/fault-proxy.ts';
import { mountSmallDisk, type SmallDisk } from '../../acceptance/faults/small-disk.ts';
import { dataPaths, readRunningSystem } from '../data-folder.ts';
import { ownProgram } from '../supervisor/fork-child.ts';
import { startSystem, type System } from '../supervisor/system.ts';
import { parseSystemConfig } from '../system-config.ts';
import { ChildEvents } from './child-events.ts';

export const pipelineName = 'streaming';

export interface DrillSystem {
  readonly system: System;
  readonly proxy: FaultProxy;
  readonly events: ChildEvents;
  /** What the journal is on, when it was asked for. */
  readonly disk: SmallDisk | null;
  /** Stops everything; the data stays for a last look. */
  stop(): Promise<void>;
  /** Takes the data away. */
  remove(): Promise<void>;
}

/** A small disk could not be had; `message` says why. */
export class NoSmallDisk extends Error {}

export interface DrillSystemOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The journal gets a small disk of its own, to be filled. */
  readonly withSmallDisk: boolean;
}

/** The wall clocks of the processes step by an hour: longer than any limit of the system. */
const stepMs = 3_600_000;
/** Room for the journal of a whole phase, and little enough to be full in a moment. */
const smallDiskMegabytes = 192;
/** How much faster a clock is for a supervisor that forgets a death within a second. */
const forgetFactor = 100;
/** A pipeline that answers its supervisor nothing for so long is replaced. */
const hangMs = 20_000;

/** Starts it in a temp folder of its own. Throws NoSmallDisk. */
export async function startDrillSystem(options: DrillSystemOptions): Promise<DrillSystem> {
  const { clock, random } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'crossfade-drill-'));
  const proxy = await startFaultProxy(clock);
  const events = new ChildEvents(clock);
  let disk: SmallDisk | null = null;
  const clean = async (): Promise<void> => {
    disk?.unmount();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    if (options.withSmallDisk) disk = smallDiskAt(dataPaths(dataDir).journal);
    const program = ownProgram();
    const system = await startSystem({
      config: drillConfig(proxy.port),
      dataDir,
      clock: forgetful(clock),
      random,
      // By the same clock: a process that is slow on a busy machine does not hang.
      watch: { hangMs: hangMs * forgetFactor },
      program: { ...program, execArgv: [...program.execArgv, `--import=${clockStepImport(stepMs)}`] },
      onEvent: (event) => events.tell(event),
    });
    const { pipelines } = await readRunningSystem(dataDir);
    proxy.setTarget(Number(new URL(pipelines[0]?.url ?? '').port));
    const stop = async (): Promise<void> => {
      proxy.setMode({ kind: 'pass' });
      await system.stop();
      await proxy.close();
    };
    return { system, proxy, events, disk, stop, remove: clean };
  } catch (error) {
    await proxy.close();
    await clean();
    throw error;
  }
}

function smallDiskAt(folder: string): SmallDisk {
  const mounted = mountSmallDisk(folder, smallDiskMegabytes);
  if (!mounted.ok) throw new NoSmallDisk(mounted.why);
  return mounted.disk;
}

/** The gateway reaches the pipeline through the proxy alone. */
function drillConfig(proxyPort: number): ReturnType<typeof parseSystemConfig> {
  const config = {
    gateway: { port: 0 },
    pipelines: [{ name: pipelineName, kind: 'streaming', build: 'drill-1', engines: ['tone'] }],
    upstreams: [{ name: 'over-the-network', url: `ws://127.0.0.1:${proxyPort}` }],
    control: 'over-the-network',
  };
  return parseSystemConfig(JSON.stringify(config), 'the drill');
}

/**
 * The supervisor's own clock, so that it soon forgets a death: otherwise the third minute of one that kills would be a
 * crash loop, which is tried every 30 s, and that would be measured.
 */
export function forgetful(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() * forgetFactor,
    after: (delayMs, task) => clock.after(delayMs, task),
  };
}
