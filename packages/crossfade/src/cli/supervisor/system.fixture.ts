import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { parseSystemConfig, type SystemConfig } from '../system-config.ts';
import type { WatchTiming } from './process-watch.ts';
import { startSystem, type System, type SystemEvent } from './system.ts';

/** A system of real processes in a folder of its own. */
export interface TestSystem {
  readonly system: System;
  readonly dataDir: string;
  readonly events: readonly SystemEvent[];
  /** Resolves with the next event of a child that is of this type. */
  next(child: string, type: SystemEvent['type']): Promise<SystemEvent>;
  /** Kills a process and resolves when it is back. */
  killAndAwait(child: string): Promise<void>;
  close(): Promise<void>;
}

/** Two pipelines on the tone engine, ports chosen by the system. */
export const toneSystem: SystemConfig = parseSystemConfig(
  JSON.stringify({
    gateway: { port: 0 },
    pipelines: [
      { name: 'legacy', kind: 'legacy', build: 'legacy-1', engines: ['tone'] },
      { name: 'streaming', kind: 'streaming', build: 'streaming-1', engines: ['tone'] },
      { name: 'later', kind: 'streaming', build: 'streaming-2', engines: ['tone'], autostart: false },
    ],
    control: 'streaming',
  }),
  'the test system',
);

export async function startTestSystem(
  config: SystemConfig = toneSystem,
  watch: Partial<WatchTiming> = {},
): Promise<TestSystem> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossfade-system-'));
  const events: SystemEvent[] = [];
  const waiters = new Set<(event: SystemEvent) => void>();
  const onEvent = (event: SystemEvent): void => {
    events.push(event);
    for (const waiter of [...waiters]) waiter(event);
  };
  const own = { clock: systemClock, random: systemRandom };
  const system = await startSystem({ ...own, config, dataDir, watch, onEvent });
  const next = (child: string, type: SystemEvent['type']): Promise<SystemEvent> =>
    new Promise((resolve) => {
      const waiter = (event: SystemEvent): void => {
        if (event.child !== child || event.type !== type) return;
        waiters.delete(waiter);
        resolve(event);
      };
      waiters.add(waiter);
    });
  return {
    system,
    dataDir,
    events,
    next,
    killAndAwait: async (child) => {
      const back = next(child, 'ready');
      system.children.get(child)?.kill('SIGKILL');
      await back;
    },
    close: async () => {
      await system.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
