import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { type FaultProxy, startFaultProxy } from '../../acceptance/faults/fault-proxy.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../gateway/scripted-upstream.fixture.ts';
import { makeDataDir } from '../data-folder.ts';
import { type ChildKind, type ChildSettings, readFromChild } from '../processes/messages.ts';
import { parseSystemConfig } from '../system-config.ts';
import { forkChild, ownProgram } from './fork-child.ts';
import type { ChildHandle } from './managed-child.ts';
import { choosePorts } from './ports.ts';

/** A process of the system that dies and comes back when a test says so, not when a supervisor does. */
export class KillableProcess {
  readonly #kind: ChildKind;
  readonly #settings: ChildSettings;
  #handle: ChildHandle | null = null;
  #gone: Promise<void> = Promise.resolve();

  constructor(kind: ChildKind, settings: ChildSettings) {
    this.#kind = kind;
    this.#settings = settings;
  }

  /** Over the files that the one before left; resolves when it serves. */
  start(): Promise<void> {
    const output: string[] = [];
    const handle = forkChild(ownProgram(), this.#kind, (line) => output.push(line));
    this.#handle = handle;
    this.#gone = new Promise((resolve) => handle.onExit(() => resolve()));
    handle.send({ type: 'start', settings: this.#settings });
    return new Promise((resolve, reject) => {
      handle.onMessage((message) => {
        const word = readFromChild(message);
        if (word?.type === 'ready') resolve();
        else if (word !== null) reject(new Error(`The ${this.#kind} did not start: ${word.message}`));
      });
      void this.#gone.then(() => reject(new Error(`The ${this.#kind} is gone: ${output.join('\n')}`)));
    });
  }

  /** SIGKILL, sent before this returns; resolves when the process is gone. */
  kill(): Promise<void> {
    this.#handle?.kill('SIGKILL');
    return this.#gone;
  }
}

/** Control plane and gateway, each a process, and two upstreams that say exactly what is in the audio. */
export interface KillableSystem {
  readonly dataDir: string;
  readonly gatewayUrl: string;
  readonly controlPlane: KillableProcess;
  readonly gateway: KillableProcess;
  /** All that gateway and control plane say to each other goes through it. */
  readonly link: FaultProxy;
  close(): Promise<void>;
}

export async function startKillableSystem(): Promise<KillableSystem> {
  const upstreams = { control: await startScriptedUpstream(), next: await startScriptedUpstream() };
  const link = await startFaultProxy(systemClock);
  const dataDir = mkdtempSync(join(tmpdir(), 'crossfade-killable-'));
  await makeDataDir(dataDir);
  const [controlPort, gatewayPort] = (await choosePorts('127.0.0.1', 2, systemRandom)) as [number, number];
  link.setTarget(controlPort);
  const settings = {
    dataDir,
    config: configOf(upstreams),
    addresses: { host: '127.0.0.1', controlPort, gatewayPort, pipelinePorts: {} },
    bakeClockSpeed: 1,
  };
  const controlPlane = new KillableProcess('control-plane', settings);
  const gateway = new KillableProcess('gateway', {
    ...settings,
    addresses: { ...settings.addresses, controlPort: link.port },
  });
  const close = async (): Promise<void> => {
    await Promise.all([gateway.kill(), controlPlane.kill()]);
    await Promise.all([link.close(), ...Object.values(upstreams).map((upstream) => upstream.close())]);
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await controlPlane.start();
    await gateway.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { dataDir, gatewayUrl: `ws://127.0.0.1:${gatewayPort}`, controlPlane, gateway, link, close };
}

function configOf(upstreams: Readonly<Record<string, ScriptedUpstream>>): ChildSettings['config'] {
  const config = {
    gateway: { port: 0 },
    upstreams: Object.entries(upstreams).map(([name, { url }]) => ({ name, url })),
    control: 'control',
  };
  return parseSystemConfig(JSON.stringify(config), 'the test system');
}
