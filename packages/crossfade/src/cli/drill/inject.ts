/** Does to a running system what the plan says. */
import type { Clock } from '@crossfade/sdk/core/clock';
import { clockStepSignal } from '../../acceptance/faults/clock-step.ts';
import { killProcess } from '../../acceptance/faults/kill-process.ts';
import { controlPlaneName, gatewayName } from '../supervisor/system.ts';
import type { PlannedFault } from './drill-plan.ts';
import { drillSampleRate } from './drill-speech.ts';
import { type DrillSystem, pipelineName } from './drill-system.ts';

/** A process that is not back by then is not coming back. */
const backLimitMs = 30_000;
/** How often a process's next pid is looked for, ms. */
const pidPollMs = 5;
/** A vendor's limit for audio that comes faster than real time, and two bytes a sample. */
const catchUpBytesPerSecond = 1.25 * drillSampleRate * 2;

/** Resolves when the fault is over: the process is back, the network and the disk are well again. */
export function inject(fault: PlannedFault, on: DrillSystem, clock: Clock): Promise<void> {
  return new Injection(on, clock).run(fault);
}

class Injection {
  readonly #on: DrillSystem;
  readonly #clock: Clock;

  constructor(on: DrillSystem, clock: Clock) {
    this.#on = on;
    this.#clock = clock;
  }

  async run({ kind, lastsMs }: PlannedFault): Promise<void> {
    const { proxy, disk } = this.#on;
    switch (kind) {
      case 'kill-pipeline':
        return this.#killAndAwait(pipelineName);
      case 'kill-gateway':
        return this.#killAndAwait(gatewayName);
      case 'kill-gateway-twice':
        await this.#killAndAwait(gatewayName);
        await this.#wait(lastsMs);
        return this.#killAndAwait(gatewayName);
      case 'kill-gateway-stopping':
        return this.#killWhileStopping(lastsMs);
      case 'kill-gateway-recovering':
        return this.#killWhileRecovering(lastsMs);
      case 'reset':
        proxy.reset();
        return;
      case 'stall':
      case 'black-hole':
        proxy.setMode({ kind });
        await this.#wait(lastsMs);
        return proxy.setMode({ kind: 'pass' });
      case 'throttle':
        proxy.setMode({ kind, bytesPerSecond: catchUpBytesPerSecond });
        // What is behind is replayed at that rate.
        proxy.reset();
        await this.#wait(lastsMs);
        return proxy.setMode({ kind: 'pass' });
      case 'clock-step':
        for (const name of [gatewayName, pipelineName, controlPlaneName]) this.#signal(name, clockStepSignal);
        return this.#wait(lastsMs);
      case 'disk-full':
        disk?.fill();
        await this.#wait(lastsMs);
        return disk?.free();
    }
  }

  async #killAndAwait(name: string): Promise<void> {
    const back = this.#ready(name);
    this.#signal(name, 'SIGKILL');
    await back;
  }

  /** SIGKILL in the middle of an orderly end. */
  async #killWhileStopping(afterMs: number): Promise<void> {
    const back = this.#ready(gatewayName);
    const pid = this.#pid(gatewayName);
    killProcess(pid, 'SIGTERM');
    await this.#wait(afterMs);
    killProcess(pid);
    await back;
  }

  /** SIGKILL, and another for the process that takes up what the first one left. */
  async #killWhileRecovering(afterMs: number): Promise<void> {
    const first = this.#pid(gatewayName);
    killProcess(first);
    const nowMs = this.#clock.monotonicMs();
    while ([first, undefined].includes(this.#pid(gatewayName))) {
      if (this.#clock.monotonicMs() - nowMs > backLimitMs) break;
      await this.#wait(pidPollMs);
    }
    await this.#wait(afterMs);
    await this.#killAndAwait(gatewayName);
  }

  #ready(name: string): Promise<void> {
    const ready = this.#on.events.next(name, 'ready', backLimitMs);
    // Awaited by whoever asked; a fault that fails before that must not end the program.
    ready.catch(() => undefined);
    return ready;
  }

  #pid(name: string): number | undefined {
    return this.#on.system.children.get(name)?.pid;
  }

  #signal(name: string, signal: NodeJS.Signals): void {
    killProcess(this.#pid(name), signal);
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}
