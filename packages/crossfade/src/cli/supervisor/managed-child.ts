import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { readFromChild, type ToChild } from '../processes/messages.ts';
import { crashWindowMs, nextRestart } from './restart-policy.ts';

/** The few things a supervisor does with a process; `forkChild` makes a real one. */
export interface ChildHandle {
  readonly pid: number | undefined;
  send(message: ToChild): void;
  kill(signal: NodeJS.Signals): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, also when the process could not be started at all. */
  onExit(listener: (end: ChildEnd) => void): void;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export type ChildEvent =
  | { readonly type: 'ready'; readonly child: string; readonly pid: number; readonly restarts: number }
  | { readonly type: 'exited'; readonly child: string; readonly why: string; readonly retryInMs: number }
  | { readonly type: 'crash-loop'; readonly child: string; readonly why: string; readonly retryInMs: number };

/** A start that has not said `ready` by then is killed; a recognizer's model loads in under a second. */
const readyLimitMs = 30_000;

export type ChildState = 'idle' | 'starting' | 'ready' | 'waiting' | 'stopping' | 'stopped';

/**
 * One process that is kept alive.
 *
 * - idle: never started. Leaves by `start`.
 * - starting: forked, was sent its settings. `ready` → ready; an exit, or no word within the limit → waiting
 *   (the first start: → stopped, and `start` rejects with the child's own sentence).
 * - ready: serves. An exit → waiting. `replace` brings that about.
 * - waiting: dead; started again after the back-off → starting. `stop` → stopped.
 * - stopping: was asked to end; killed when its time is over. An exit → stopped.
 * - stopped: the end. Everything is ignored.
 */
export class ManagedChild {
  readonly name: string;
  readonly #fork: () => ChildHandle;
  readonly #startMessage: ToChild;
  readonly #clock: Clock;
  readonly #onEvent: (event: ChildEvent) => void;
  #state: ChildState = 'idle';
  #handle: ChildHandle | null = null;
  #deathsMs: number[] = [];
  #restarts = 0;
  #timer: Cancel = () => undefined;
  /** What the child said of why it could not start. */
  #failure: CrossfadeError | null = null;
  /** Why it is being replaced. */
  #replacedFor: string | null = null;
  #firstStart: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #stopWaiters: (() => void)[] = [];

  constructor(options: {
    name: string;
    fork: () => ChildHandle;
    startMessage: ToChild;
    clock: Clock;
    onEvent: (event: ChildEvent) => void;
  }) {
    this.name = options.name;
    this.#fork = options.fork;
    this.#startMessage = options.startMessage;
    this.#clock = options.clock;
    this.#onEvent = options.onEvent;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Of the running process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#handle?.pid;
  }

  /** How often it was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts it for the first time; rejects, without a retry, when that does not work. */
  start(): Promise<void> {
    if (this.#state !== 'idle') throw new Error(`Expected ${this.name} not to be started yet.`);
    return new Promise((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      this.#launch();
    });
  }

  /** Asks it to end, kills it after `graceMs`. Resolves when it is gone. */
  stop(graceMs: number): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve();
    this.#timer();
    if (this.#handle === null) {
      this.#state = 'stopped';
      return Promise.resolve();
    }
    const handle = this.#handle;
    if (this.#state !== 'stopping') handle.send({ type: 'stop' });
    this.#state = 'stopping';
    this.#timer = this.#clock.after(graceMs, () => handle.kill('SIGKILL'));
    return new Promise((resolve) => this.#stopWaiters.push(resolve));
  }

  /**
   * Ends a process that serves no more as it should; another takes its place. It is asked first, so that one that only
   * took too much says goodbye to its sessions, and killed after `graceMs`.
   */
  replace(why: string, graceMs: number): void {
    const handle = this.#handle;
    if (this.#state !== 'ready' || handle === null || this.#replacedFor !== null) return;
    this.#replacedFor = why;
    handle.send({ type: 'stop' });
    this.#timer = this.#clock.after(graceMs, () => handle.kill('SIGKILL'));
  }

  /** For the demo and for tests: kills the process; it comes back by itself. */
  kill(signal: NodeJS.Signals): void {
    this.#handle?.kill(signal);
  }

  #launch(): void {
    this.#state = 'starting';
    this.#failure = null;
    this.#replacedFor = null;
    const handle = this.#fork();
    this.#handle = handle;
    handle.onMessage((message) => this.#received(message));
    handle.onExit((end) => this.#exited(end));
    handle.send(this.#startMessage);
    this.#timer = this.#clock.after(readyLimitMs, () => {
      this.#failure ??= new CrossfadeError(
        'TIMEOUT',
        `Expected ${this.name} to be ready within ${readyLimitMs / 1_000} s, got no word. Look into its log.`,
      );
      handle.kill('SIGKILL');
    });
  }

  #received(raw: unknown): void {
    const message = readFromChild(raw);
    if (message === null || this.#state !== 'starting') return;
    if (message.type === 'failed') {
      this.#failure = new CrossfadeError(message.code, message.message);
      return;
    }
    this.#timer();
    this.#state = 'ready';
    this.#firstStart?.resolve();
    this.#firstStart = null;
    this.#onEvent({ type: 'ready', child: this.name, pid: this.pid ?? 0, restarts: this.#restarts });
  }

  #exited(end: ChildEnd): void {
    this.#timer();
    this.#handle = null;
    if (this.#state === 'stopping') return this.#settleStop();
    const why = this.#failure?.message ?? this.#replacedFor ?? describeEnd(end);
    if (this.#firstStart !== null) {
      this.#state = 'stopped';
      const error =
        this.#failure ?? new CrossfadeError('INTERNAL', `Expected ${this.name} to start, but it ${why}.`);
      this.#firstStart.reject(error);
      return;
    }
    this.#wait(why);
  }

  #wait(why: string): void {
    const nowMs = this.#clock.monotonicMs();
    this.#deathsMs = [...this.#deathsMs.filter((atMs) => nowMs - atMs < crashWindowMs), nowMs];
    const { delayMs, crashLoop } = nextRestart(this.#deathsMs, nowMs);
    this.#state = 'waiting';
    this.#onEvent({ type: crashLoop ? 'crash-loop' : 'exited', child: this.name, why, retryInMs: delayMs });
    this.#timer = this.#clock.after(delayMs, () => {
      this.#restarts += 1;
      this.#launch();
    });
  }

  #settleStop(): void {
    this.#state = 'stopped';
    this.#firstStart?.reject(new CrossfadeError('INTERNAL', `${this.name} was stopped while it started.`));
    this.#firstStart = null;
    for (const resolve of this.#stopWaiters.splice(0)) resolve();
  }
}

function describeEnd(end: ChildEnd): string {
  return end.signal === null ? `ended with code ${end.code ?? 'unknown'}` : `was ended by ${end.signal}`;
}
