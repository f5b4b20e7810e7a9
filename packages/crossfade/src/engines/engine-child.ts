import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ChildStream } from './engine-child-stream.ts';
import type { FromChild, ToChild } from './engine-child-messages.ts';
import type { RecognizerStream, StreamListener } from './engine.ts';

/** What to run and how. `entry` is a module that speaks the messages of `engine-child-messages.ts`. */
export interface ChildProgram {
  readonly entry: URL;
  readonly env: Readonly<Record<string, string>>;
  readonly config: unknown;
  /** For sentences about it: "pocketsphinx". */
  readonly name: string;
}

export interface ChildStreamOptions {
  readonly endpointMs: number | null;
  readonly maxFinalSamples: number;
}

/** Loading a model takes under a second; a busy machine and a cold disk take many. */
const startLimitMs = 30_000;
/** Enough of what a dying library says to name the cause. */
const maxLastWordsChars = 2_000;

interface Opening {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One child process with a native recognizer in it, and the streams it serves. It may die at any moment: then
 * every stream gets `onError`, every `open` is refused, and `onExit` is called, once each.
 */
export class EngineChild {
  readonly #program: ChildProgram;
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #streams = new Map<number, ChildStream>();
  readonly #opening = new Map<number, Opening>();
  #nextStream = 1;
  #lastWords = '';
  #ready: Opening | undefined;
  readonly #exited: Promise<void>;
  #end: CrossfadeError | undefined;

  /** Starts the process and waits until its model is loaded. */
  static async start(program: ChildProgram, clock: Clock, onExit: () => void): Promise<EngineChild> {
    const child = new EngineChild(program, clock, onExit);
    const cancel = clock.after(startLimitMs, () => child.#process.kill('SIGKILL'));
    try {
      await new Promise<void>((resolve, reject) => {
        child.#ready = { resolve, reject };
        child.#send({ type: 'configure', config: program.config });
      });
    } catch (error) {
      child.#process.kill('SIGKILL');
      throw error;
    } finally {
      cancel();
    }
    return child;
  }

  private constructor(program: ChildProgram, clock: Clock, onExit: () => void) {
    this.#program = program;
    this.#clock = clock;
    // From the sources (tests, development) the child needs a loader; built, it is plain JavaScript.
    const fromSource = program.entry.pathname.endsWith('.ts');
    this.#process = fork(fileURLToPath(program.entry), [], {
      execArgv: fromSource ? ['--conditions=source', '--import', import.meta.resolve('tsx')] : [],
      env: { ...process.env, ...program.env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.on('message', (message) => this.#receive(message as FromChild));
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-maxLastWordsChars);
    });
    this.#exited = new Promise((resolve) => {
      // Not `exit`: its last words may come after that.
      this.#process.once('close', (code, signal) => {
        this.#die(signal === null ? `exit code ${code}` : String(signal));
        onExit();
        resolve();
      });
      // A program that could not be started has an error and no exit.
      this.#process.once('error', (error) => {
        this.#die(error.message);
        onExit();
        resolve();
      });
    });
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Opens a stream in this process; `onEnd` is called once when it is over, by close or by failure. */
  async open(
    options: ChildStreamOptions,
    listener: StreamListener,
    onEnd: () => void,
  ): Promise<RecognizerStream> {
    if (this.#end !== undefined) throw this.#end;
    const id = this.#nextStream++;
    const stream = new ChildStream(
      id,
      {
        send: (message) => this.#send(message),
        clock: this.#clock,
        onEnd: () => {
          this.#streams.delete(id);
          onEnd();
        },
      },
      listener,
    );
    // A decoder is made in half a second; one that takes this long takes its process with it.
    const cancel = this.#clock.after(startLimitMs, () => this.#process.kill('SIGKILL'));
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opening.set(id, {
          reject,
          // At once, not after the await: a death in between must reach the listener.
          resolve: () => {
            this.#streams.set(id, stream);
            resolve();
          },
        });
        this.#send({ type: 'open', stream: id, ...options });
      });
    } finally {
      cancel();
      this.#opening.delete(id);
    }
    return stream;
  }

  /** Kills the process (it holds nothing to save) and waits until it is gone. Open streams hear an error. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #send(message: ToChild): void {
    // A child that has just died takes no message; its `exit` tells the streams.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #receive(message: FromChild): void {
    if (message.type === 'ready') return this.#ready?.resolve();
    if (message.type === 'refused') {
      return this.#ready?.reject(new CrossfadeError('ENGINE_MISSING', message.message));
    }
    const opening = this.#opening.get(message.stream);
    if (message.type === 'opened') opening?.resolve();
    else if (message.type === 'failed' && opening !== undefined) {
      opening.reject(new CrossfadeError('ENGINE_FAILED', message.message));
    } else this.#streams.get(message.stream)?.receive(message);
  }

  #die(how: string): void {
    if (this.#end !== undefined) return;
    const words = this.#lastWords.trim().split('\n').at(-1);
    this.#end = new CrossfadeError(
      'ENGINE_FAILED',
      `Expected the ${this.#program.name} process to live, it ended (${how}${words ? `: ${words}` : ''}). Open again.`,
      { detail: { pid: this.#process.pid } },
    );
    this.#ready?.reject(this.#end);
    for (const opening of [...this.#opening.values()]) opening.reject(this.#end);
    for (const stream of [...this.#streams.values()]) stream.fail(this.#end);
  }
}
