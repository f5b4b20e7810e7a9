/** What is tested, and how it can be broken. */

/** A process of the target that may be killed. */
export interface TargetProcess {
  readonly name: string;
  readonly role: 'server' | 'pipeline' | 'gateway';
  /** SIGKILL, now, without a warning. */
  kill(): void;
  /** Resolves when the process that follows the killed one serves again; rejects with TIMEOUT. Call it after `kill`. */
  back(): Promise<void>;
}

export interface Target {
  /** Of the listen protocol. */
  readonly url: string;
  /** What the report names: an address or a command. */
  readonly name: string;
  readonly system: 'direct' | 'behind-gateway';
  /** Empty: it belongs to somebody else and cannot be killed. */
  readonly processes: readonly TargetProcess[];
  /** Ends what was started for the run. Idempotent. */
  stop(): Promise<void>;
}

/** A target somebody else runs. */
export function remoteTarget(url: string): Target {
  return { url, name: url, system: 'direct', processes: [], stop: () => Promise.resolve() };
}
