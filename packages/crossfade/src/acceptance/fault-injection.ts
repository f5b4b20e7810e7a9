/** Does to a target what a trial says. Faults are real: signals to processes, a proxy's network, a full disk. */
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { FaultProxy, ProxyMode } from './faults/fault-proxy.ts';
import type { TrialSpec } from './plan.ts';
import type { LiveSpeech } from './speak.ts';
import type { Target, TargetProcess } from './target.ts';

/** Two bytes a sample. */
const bytesPerSample = 2;

export interface Injection {
  readonly spec: TrialSpec;
  readonly target: Target;
  readonly clock: Clock;
  readonly speeches: readonly LiveSpeech[];
  /** Awaited before each kill. */
  readonly beforeKill?: (process: TargetProcess) => Promise<void>;
}

/** Resolves when the fault is over: processes are back, network and disk are well. Rejects when a process stays away. */
export async function inject(injection: Injection): Promise<void> {
  const { spec, target, clock, speeches } = injection;
  const { fault, lastsMs } = spec;
  switch (fault.kind) {
    case 'kill':
      return kill(injection);
    case 'client-drop':
      for (const speech of speeches) speech.drop();
      return;
    case 'clock-step':
      target.faults.stepClocks?.();
      return wait(clock, lastsMs);
    case 'disk-full':
      target.faults.disk?.fill();
      try {
        await wait(clock, lastsMs);
      } finally {
        target.faults.disk?.free();
      }
      return;
    case 'reset':
      proxyOf(target, fault.place).reset();
      return;
    case 'stall':
    case 'black-hole':
      return hold(proxyOf(target, fault.place), { kind: fault.kind }, clock, lastsMs);
    case 'throttle': {
      const { sampleRate } = spec.sessions[0]!.speech;
      const bytesPerSecond = fault.realTimes * sampleRate * bytesPerSample;
      const proxy = proxyOf(target, fault.place);
      // What is behind is replayed at that rate.
      if (fault.place === 'upstream') proxy.reset();
      return hold(proxy, { kind: 'throttle', bytesPerSecond }, clock, lastsMs);
    }
  }
}

async function hold(proxy: FaultProxy, mode: ProxyMode, clock: Clock, lastsMs: number): Promise<void> {
  proxy.setMode(mode);
  try {
    await wait(clock, lastsMs);
  } finally {
    proxy.setMode({ kind: 'pass' });
  }
}

async function kill({ spec, target, clock, beforeKill }: Injection): Promise<void> {
  const { fault } = spec;
  if (fault.kind !== 'kill') return;
  const dead = new Map<TargetProcess, Promise<void>>();
  let last: Promise<void> = Promise.resolve();
  for (const [i, each] of fault.kills.entries()) {
    const process = victimOf(target, each.process, spec.process);
    // The process that a second kill meets may be starting: its first return then never comes, and is not awaited.
    if (each.awaitBack) await last;
    await wait(clock, spec.killsAfterMs[i] ?? 0);
    await beforeKill?.(process);
    process.kill();
    last = process.back();
    last.catch(() => undefined);
    dead.set(process, last);
  }
  await Promise.all(dead.values());
}

function victimOf(target: Target, role: string, name: string | null): TargetProcess {
  const process = target.processes.find((each) => (role === 'any' ? each.name === name : each.role === role));
  if (process !== undefined) return process;
  throw new CrossfadeError('INTERNAL', `Expected a process ${role} to kill, got none.`);
}

function proxyOf({ faults }: Target, place: 'client' | 'upstream'): FaultProxy {
  const proxy = faults[place];
  if (proxy !== undefined) return proxy;
  throw new CrossfadeError('INTERNAL', `Expected a proxy at ${place}, got none.`);
}

export function wait(clock: Clock, delayMs: number): Promise<void> {
  return delayMs <= 0 ? Promise.resolve() : new Promise((resolve) => void clock.after(delayMs, resolve));
}
