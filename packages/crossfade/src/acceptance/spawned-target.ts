import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, connect } from 'node:net';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, type Random } from '@crossfade/sdk/core/random';
import { startFaultProxy } from './faults/fault-proxy.ts';
import type { Target, TargetProcess } from './target.ts';

/** A server that does not listen by then does not start. */
const startLimitMs = 30_000;
const pollMs = 50;
/** Of the command's last output, for the sentence of why it ended. */
const outputCharactersMax = 300;
const portPlaceholder = '{port}';
/** Below the range of outgoing connections: none can sit on the address while the server is down. */
const firstPort = 20_000;
const portCount = 12_000;
const portTriesMax = 50;

/** Starts a command, waits until it listens, and answers a target that can be killed. The port stays the same. */
export async function spawnTarget(
  command: string,
  path: string,
  clock: Clock,
  random: Random,
): Promise<Target> {
  if (!command.includes(portPlaceholder)) {
    throw new CrossfadeError(
      'USAGE',
      `Expected --spawn to hold ${portPlaceholder} where the port belongs, got "${command}".`,
    );
  }
  const port = await freePort(random);
  const server = new SpawnedProcess(command.replaceAll(portPlaceholder, String(port)), port, clock);
  await server.start();
  const proxy = await startFaultProxy(clock);
  proxy.setTarget(port);
  return {
    url: `ws://127.0.0.1:${port}${path}`,
    name: command,
    system: 'direct',
    processes: [server],
    breakable: ['client-network'],
    faults: { client: proxy },
    stop: async () => {
      await server.stop();
      await proxy.close();
    },
  };
}

/** One command in a process group of its own, so that a kill reaches whatever it started too. */
class SpawnedProcess implements TargetProcess {
  readonly name = 'server';
  readonly role = 'server';
  readonly #command: string;
  readonly #port: number;
  readonly #clock: Clock;
  #child: ChildProcess | null = null;
  #exit: Promise<void> = Promise.resolve();
  #output = '';

  constructor(command: string, port: number, clock: Clock) {
    this.#command = command;
    this.#port = port;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#output = '';
    const child = spawn(this.#command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-outputCharactersMax);
      });
    }
    let hasExited = false;
    this.#exit = new Promise((resolve) => {
      const over = (): void => {
        hasExited = true;
        resolve();
      };
      child.once('exit', over);
      child.once('error', over);
    });
    const startedAtMs = this.#clock.monotonicMs();
    while (!(await listens(this.#port))) {
      if (hasExited)
        throw this.#didNotStart(`it ended with ${child.exitCode ?? child.signalCode ?? 'an error'}`);
      if (this.#clock.monotonicMs() - startedAtMs > startLimitMs) {
        await this.stop();
        throw this.#didNotStart(`nothing listened there after ${startLimitMs / 1_000} s`);
      }
      await new Promise<void>((resolve) => void this.#clock.after(pollMs, resolve));
    }
  }

  kill(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It is gone already: what a kill is for.
    }
  }

  async back(): Promise<void> {
    await this.#exit;
    await this.start();
  }

  async stop(): Promise<void> {
    this.kill();
    await this.#exit;
  }

  #didNotStart(why: string): CrossfadeError {
    const said = this.#output.replace(/\s+/g, ' ').trim();
    return new CrossfadeError(
      'UPSTREAM_UNAVAILABLE',
      `Expected "${this.#command}" to listen on port ${this.#port}, but ${why}.${said === '' ? '' : ` It said: ${said}`}`,
    );
  }
}

/** Throws PORT_IN_USE when a machine has none left. */
async function freePort(random: Random): Promise<number> {
  for (let tries = 0; tries < portTriesMax; tries++) {
    const port = firstPort + below(random, portCount);
    if (await isFree(port)) return port;
  }
  throw new CrossfadeError('PORT_IN_USE', `Expected a free port in ${portTriesMax} tries, got none.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
