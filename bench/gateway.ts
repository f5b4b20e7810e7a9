/**
 * What the gateway costs, as ratios to a bare `ws` pass-through that forwards the same messages: CPU for each session of
 * real-time audio, added latency, memory, and what clients see of a restart and of a migration. Rounds of both sides
 * take turns; the figures are medians of the rounds. Each side, the upstream and the speakers are processes of their own.
 *
 *   npm run bench:gateway -- --json [--sessions 200] [--rounds 3] [--seconds 5] [--recover 200,2000]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { type Ask, type Role, sampleRate, type Usage } from './gateway-processes.ts';

const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : (process.argv[at + 1] ?? fallback);
};
const sessions = Number(option('sessions', '200'));
const rounds = Number(option('rounds', '3'));
const seconds = Number(option('seconds', '5'));
const recover = option('recover', '200,2000').split(',').map(Number);
const isJson = process.argv.includes('--json');
const tell = (line: string): void => console.error(line);

const bars = { cpuRatio: 1.5, addedLatencyMsP99: 5 };

/** A process of bench/gateway-processes.ts. */
class Part {
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

  async ask(ask: Ask): Promise<Usage> {
    this.#child.send(ask);
    return ((await once(this.#child, 'message')) as [Usage])[0];
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));

/** Speakers in real time, spread over a frame, so that they do not all speak at the same instant. */
class Speakers {
  readonly #sockets: WebSocket[] = [];
  readonly #frameMs: number;
  readonly roundTripsMs: number[] = [];
  #isOver = false;

  constructor(frameMs: number) {
    this.#frameMs = frameMs;
  }

  async open(port: number, count: number, query = ''): Promise<void> {
    for (let at = 0; at < count; at += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, count - at) }, async () => {
          const url = `ws://127.0.0.1:${port}/v1/listen?encoding=linear16&sample_rate=${sampleRate}&interim_results=true${query}`;
          const socket = new WebSocket(url, { perMessageDeflate: false });
          socket.on('error', () => undefined);
          await once(socket, 'open');
          this.#sockets.push(socket);
        }),
      );
    }
  }

  /** Speaks until `stop`. */
  start(): void {
    const frame = Buffer.alloc((this.#frameMs * sampleRate * 2) / 1_000, 1);
    const startedAtMs = systemClock.monotonicMs();
    let sent = 0;
    const tick = (): void => {
      if (this.#isOver) return;
      const due = ((systemClock.monotonicMs() - startedAtMs) / this.#frameMs) * this.#sockets.length;
      for (; sent < due; sent += 1) this.#sockets[sent % this.#sockets.length]!.send(frame);
      systemClock.after(1, tick);
    };
    tick();
  }

  /** From now on one after the other asks for a final and measures the way there and back. */
  startProbes(): void {
    const probe = (at: number): void => {
      if (this.#isOver) return;
      this.#probe(this.#sockets[at % this.#sockets.length]!);
      systemClock.after(20, () => probe(at + 1));
    };
    probe(0);
  }

  #probe(socket: WebSocket): void {
    const askedAtMs = systemClock.monotonicMs();
    const onMessage = (data: Buffer): void => {
      if (!data.includes('"from_finalize":true')) return;
      this.roundTripsMs.push(systemClock.monotonicMs() - askedAtMs);
      socket.off('message', onMessage);
    };
    socket.on('message', onMessage);
    socket.send('{"type":"Finalize"}');
  }

  /** Everybody says `samples` of audio at once. */
  burst(samples: number): void {
    for (const socket of this.#sockets) socket.send(Buffer.alloc(samples * 2, 1));
  }

  async stop(inOrder: boolean): Promise<void> {
    this.#isOver = true;
    for (const socket of this.#sockets) {
      if (inOrder) socket.send('{"type":"CloseStream"}');
      else socket.terminate();
    }
    const open = this.#sockets.filter((socket) => socket.readyState !== socket.CLOSED);
    await Promise.all(open.map((socket) => once(socket, 'close')));
  }
}

interface Round {
  /** CPU ms of the process for a second of one session. */
  readonly cpuMs: number;
  readonly p99Ms: number;
  readonly bytesPerSession: number;
}

async function round(side: 'gateway' | 'pass-through', frameMs: number, count: number): Promise<Round> {
  const upstream = await new Part().start({ role: 'upstream' });
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const { port: control } = upstream;
  const part = await new Part().start(
    side === 'gateway'
      ? { role: 'gateway', control, candidate: control, folder, onCandidate: false }
      : { role: 'pass-through', upstreamPort: control },
  );
  const speakers = new Speakers(frameMs);
  try {
    const idle = await part.ask({ type: 'usage' });
    await speakers.open(part.port, count);
    speakers.start();
    // The first second compiles.
    await wait(1_500);
    const before = await part.ask({ type: 'usage' });
    await wait(seconds * 1_000);
    const after = await part.ask({ type: 'usage' });
    // After the CPU was read: a probe makes a final, and so many finals are not what speech makes.
    speakers.startProbes();
    await wait(seconds * 1_000);
    return {
      cpuMs: (after.cpuMs - before.cpuMs) / seconds / count,
      p99Ms: quantile(speakers.roundTripsMs, 0.99),
      bytesPerSession: (after.rssBytes - idle.rssBytes) / count,
    };
  } finally {
    await speakers.stop(false);
    await part.kill();
    await upstream.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(frameMs: number, count: number): Promise<object> {
  const both: { gateway: Round[]; 'pass-through': Round[] } = { gateway: [], 'pass-through': [] };
  for (let at = 0; at < rounds; at += 1) {
    // The one that goes first changes, so that a machine that grows busier favours neither.
    const order =
      at % 2 === 0 ? (['pass-through', 'gateway'] as const) : (['gateway', 'pass-through'] as const);
    for (const side of order) both[side].push(await round(side, frameMs, count));
  }
  const of = (side: 'gateway' | 'pass-through', what: keyof Round): number =>
    quantile(
      both[side].map((each) => each[what]),
      0.5,
    );
  const cpuRatio = quantile(
    both.gateway.map((each, at) => each.cpuMs / both['pass-through'][at]!.cpuMs),
    0.5,
  );
  const addedLatencyMsP99 = of('gateway', 'p99Ms') - of('pass-through', 'p99Ms');
  const figures = {
    frameMs,
    sessions: count,
    cpuRatio: rounded(cpuRatio),
    cpuRatioHolds: cpuRatio <= bars.cpuRatio,
    gatewayCpuMsPerSecond: rounded(of('gateway', 'cpuMs')),
    passThroughCpuMsPerSecond: rounded(of('pass-through', 'cpuMs')),
    addedLatencyMsP99: rounded(addedLatencyMsP99),
    addedLatencyHolds: addedLatencyMsP99 <= bars.addedLatencyMsP99,
    passThroughMsP99: rounded(of('pass-through', 'p99Ms')),
    gatewayKbPerSession: Math.round(of('gateway', 'bytesPerSession') / 1_024),
    passThroughKbPerSession: Math.round(of('pass-through', 'bytesPerSession') / 1_024),
  };
  tell(JSON.stringify(figures));
  return figures;
}

/** SIGKILL with open sessions of 4 s each: until a client may resume, and until each session has its record. */
async function recovery(count: number): Promise<object> {
  const upstream = await new Part().start({ role: 'upstream' });
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const role: Role = {
    role: 'gateway',
    control: upstream.port,
    candidate: upstream.port,
    folder,
    onCandidate: false,
  };
  const speakers = new Speakers(100);
  let part = await new Part().start(role);
  try {
    await speakers.open(part.port, count);
    for (let at = 0; at < 8; at += 1) {
      speakers.burst(sampleRate / 2);
      await wait(300);
    }
    await part.kill();
    const killedAtMs = systemClock.monotonicMs();
    part = await new Part().start(role);
    const listeningMs = systemClock.monotonicMs() - killedAtMs;
    let usage = await part.ask({ type: 'usage' });
    while (usage.ended < count && systemClock.monotonicMs() - killedAtMs < 120_000) {
      await wait(100);
      usage = await part.ask({ type: 'usage' });
    }
    const recordedMs = systemClock.monotonicMs() - killedAtMs;
    const figures = {
      sessions: count,
      recorded: usage.ended,
      samplesLost: usage.samplesLost,
      listeningMs: Math.round(listeningMs),
      allRecordedMs: Math.round(recordedMs),
    };
    tell(`recovery ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await speakers.stop(false);
    await part.kill();
    await upstream.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every live session moved from the candidate to control: from its last text before to its first one after. */
async function migration(count: number): Promise<object> {
  const control = await new Part().start({ role: 'upstream' });
  const candidate = await new Part().start({ role: 'upstream' });
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const part = await new Part().start({
    role: 'gateway',
    control: control.port,
    candidate: candidate.port,
    folder,
    onCandidate: true,
  });
  const speakers = new Speakers(100);
  try {
    await speakers.open(part.port, count);
    speakers.start();
    await wait(4_000);
    await part.ask({ type: 'migrate' });
    await wait(4_000);
    await speakers.stop(true);
    const { pausesMs, ended, samplesLost } = await part.ask({ type: 'usage' });
    const figures = {
      sessions: count,
      ended,
      moved: pausesMs.length,
      samplesLost,
      pauseMsP50: Math.round(quantile(pausesMs, 0.5)),
      pauseMsP99: Math.round(quantile(pausesMs, 0.99)),
    };
    tell(`migration ${JSON.stringify(figures)}`);
    return figures;
  } finally {
    await part.kill();
    await control.kill();
    await candidate.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nearest rank; NaN without values. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.version };
const loadBefore = loadavg()[0];
const cost = [await compare(100, sessions), await compare(20, Math.round(sessions / 2))];
const recoveries = [];
for (const count of recover.filter((each) => each > 0)) recoveries.push(await recovery(count));
const moved = await migration(200);
const answer = {
  machine,
  load: { before: loadBefore, after: loadavg()[0] },
  cost,
  recovery: recoveries,
  migration: moved,
};
if (isJson) console.log(JSON.stringify(answer));
