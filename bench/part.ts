import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Ask, Role, Usage } from './gateway-processes.ts';

/** A process of bench/gateway-processes.ts. */
export class Part {
  readonly #child: ChildProcess;
  port = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./gateway-processes.ts', import.meta.url)));
  }

  async start(role: Role): Promise<this> {
    this.#child.send(role);
    [{ port: this.port }] = (await once(this.#child, 'message')) as [{ port: number }];
    return this;
  }

  async ask(ask: Ask = { type: 'usage' }): Promise<Usage> {
    this.#child.send(ask);
    return ((await once(this.#child, 'message')) as [Usage])[0];
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
