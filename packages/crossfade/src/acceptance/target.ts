/** What is tested, and how it can be broken. */
import type { Drivers } from './driver.ts';
import type { FaultProxy } from './faults/fault-proxy.ts';
import type { SmallDisk } from './faults/small-disk.ts';

/** A process of the target that may be killed. */
export interface TargetProcess {
  readonly name: string;
  readonly role: 'server' | 'pipeline' | 'gateway';
  /** SIGKILL, now, without a warning. */
  kill(): void;
  /** Stops it where it is, so that its files can be looked at as the kill that follows will leave them. */
  freeze?(): void;
  /** Resolves when the process that follows the killed one serves again; rejects with TIMEOUT. Call it after `kill`. */
  back(): Promise<void>;
}

/** What can be broken beside processes; what is missing cannot, and its scenarios are not run. */
export type Breakable = 'client-network' | 'upstream-network' | 'disk' | 'clocks';

/** The handles for it. */
export interface TargetFaults {
  /** A way to the target on which clients can be cut off. */
  readonly client?: FaultProxy;
  /** Between gateway and pipeline. */
  readonly upstream?: FaultProxy;
  /** Under the journal; of a copy that was asked for with one. */
  readonly disk?: Pick<SmallDisk, 'fill' | 'free'>;
  /** Steps the wall clocks of all processes, there and back in turns. */
  readonly stepClocks?: () => void;
}

/** What can be seen of a target from inside. */
export interface WhiteBox {
  /** Samples of each session in the journal, as a kill and as a power cut would leave them now. Its process is frozen. */
  journaled(): Promise<ReadonlyMap<string, JournaledSamples>>;
}

export interface JournaledSamples {
  readonly afterKill: number;
  readonly afterPowerCut: number;
}

export interface Target {
  /** Of the listen protocol. */
  readonly url: string;
  /** What the report names: an address or a command. */
  readonly name: string;
  /** The build as whoever starts the target knows it; what the target says itself is held against it. */
  readonly build?: string;
  readonly system: 'direct' | 'behind-gateway';
  /** Empty: it belongs to somebody else and cannot be killed. */
  readonly processes: readonly TargetProcess[];
  readonly breakable: readonly Breakable[];
  readonly faults: TargetFaults;
  /** Absent: nobody may look inside. */
  readonly whiteBox?: WhiteBox;
  /** Another system like it, to be broken in its place; absent: there is only one. `disk`: with a small one. */
  readonly another?: (needs: { readonly disk: boolean }) => Promise<Target>;
  /** Ends what was started for the run. Idempotent. */
  stop(): Promise<void>;
}

/** A target somebody else runs. */
export function remoteTarget(url: string): Target {
  return {
    url,
    name: url,
    system: 'direct',
    processes: [],
    breakable: [],
    faults: {},
    stop: () => Promise.resolve(),
  };
}

/** A target that could not be started: a run of it says why, in a report like any other. */
export function brokenTarget(name: string): Target {
  return { ...remoteTarget('ws://nobody.invalid/'), name };
}

/** The clients of a broken target. */
export function brokenDrivers(reason: string): Drivers {
  const silent = { send: () => false, stop: () => undefined, hangUp: () => undefined };
  return {
    stock: () => ({
      protocol: 'none',
      readStored: () => Promise.resolve(null),
      connect: (_sampleRate, listener) => {
        queueMicrotask(() => listener.onEnd({ kind: 'unreachable', reason }));
        return silent;
      },
    }),
  };
}
