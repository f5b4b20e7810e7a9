/** What is tested, and how it can be broken. */
import type { FaultProxy } from './faults/fault-proxy.ts';
import type { SmallDisk } from './faults/small-disk.ts';

/** A process of the target that may be killed. */
export interface TargetProcess {
  readonly name: string;
  readonly role: 'server' | 'pipeline' | 'gateway';
  /** SIGKILL, now, without a warning. */
  kill(): void;
  /** Resolves when the process that follows the killed one serves again; rejects with TIMEOUT. Call it after `kill`. */
  back(): Promise<void>;
}

/** What of a target can be broken beside its processes. What is absent cannot, and its scenarios are not run. */
export interface TargetFaults {
  /** A proxy that `url` leads through. */
  readonly client?: FaultProxy;
  /** Between gateway and pipeline. */
  readonly upstream?: FaultProxy;
  /** Under the journal. */
  readonly disk?: Pick<SmallDisk, 'fill' | 'free'>;
  /** Steps the wall clocks of all processes, there and back in turns. */
  readonly stepClocks?: () => void;
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
  readonly faults: TargetFaults;
  /** Another system like it, to be broken beside it; absent: there is only one. */
  readonly another?: () => Promise<Target>;
  /** Ends what was started for the run. Idempotent. */
  stop(): Promise<void>;
}

/** A target somebody else runs. */
export function remoteTarget(url: string): Target {
  return { url, name: url, system: 'direct', processes: [], faults: {}, stop: () => Promise.resolve() };
}
