import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { ChildOrder, ChildSettings, ChildWord } from './gateway-child.fixture.ts';

/** A gateway that can be killed and comes back on its port, over its files. */
export class KillableGateway {
  #settings: Omit<ChildSettings, 'port'>;
  #child: ChildProcess | null = null;
  #port = 0;

  constructor(settings: Omit<ChildSettings, 'port'>) {
    this.#settings = settings;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/v1/listen`;
  }

  /** Forks it; resolves before it is ready. */
  fork(): ChildProcess {
    const execArgv = ['--conditions=source', '--import=tsx'];
    const child = fork(fileURLToPath(new URL('gateway-child.fixture.ts', import.meta.url)), { execArgv });
    child.send({ ...this.#settings, port: this.#port } satisfies ChildSettings);
    this.#child = child;
    return child;
  }

  /** `changed`: from now on it runs with these. */
  async start(changed: Partial<Omit<ChildSettings, 'port'>> = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...changed };
    const child = this.fork();
    const word = await nextWord(child, ({ type }) => type === 'ready');
    if (word.type === 'ready') this.#port = word.port;
  }

  async drainUntil(policy: DrainPolicy, left: number): Promise<void> {
    this.#child!.send({ drain: policy } satisfies ChildOrder);
    await nextWord(this.#child!, (word) => word.type === 'drained' && word.sessions >= left);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** One listener until it came: of two words that arrive together, `once` would miss the second. */
function nextWord(child: ChildProcess, isIt: (word: ChildWord) => boolean): Promise<ChildWord> {
  return new Promise((resolve) => {
    child.on('message', function onWord(word: ChildWord) {
      if (!isIt(word)) return;
      child.off('message', onWord);
      resolve(word);
    });
  });
}
