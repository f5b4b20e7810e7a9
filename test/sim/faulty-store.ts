import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Random } from '@crossfade/sdk/core/random';
import { never, type Life } from './life.ts';
import { waitMs } from './setting.ts';

export interface StoreFaults {
  readonly fails: number;
  readonly isSlow: number;
  readonly kills: number;
}

export interface FaultyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly life: Life;
  /** Asked at each call; none once the world is mended. */
  readonly faults: () => StoreFaults;
  readonly onKill: () => void;
}

const slowMeanMs = 1_500;

/**
 * A store whose calls are slow, fail before or after they did their work, and kill the process that calls. A store that
 * failed may have done what it was asked for: who calls must look.
 */
export function faulty<T extends object>(store: T, options: FaultyOptions): T {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || name === 'close') return value;
      return (...args: readonly unknown[]) => call(options, () => Reflect.apply(value, target, args));
    },
  });
}

async function call(options: FaultyOptions, work: () => unknown): Promise<unknown> {
  const { life, random, clock, onKill } = options;
  if (!life.isAlive) return never();
  const faults = options.faults();
  if (random.next() < faults.isSlow) {
    await new Promise<void>((resolve) => void clock.after(waitMs(random, slowMeanMs), resolve));
  }
  if (random.next() < faults.kills) {
    onKill();
    return never();
  }
  const fails = random.next() < faults.fails;
  const isDone = !fails || random.next() < 0.5;
  const result = isDone ? await work() : undefined;
  if (random.next() < faults.kills) onKill();
  if (!life.isAlive) return never();
  if (!fails) return result;
  throw new CrossfadeError('STORE_UNAVAILABLE', `The store fails ${isDone ? 'after' : 'before'} its work.`);
}
