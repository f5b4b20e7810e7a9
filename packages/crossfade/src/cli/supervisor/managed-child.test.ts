import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { describe, expect, it } from 'vitest';
import type { ToChild } from '../processes/messages.ts';
import { type ChildEnd, type ChildEvent, type ChildHandle, ManagedChild } from './managed-child.ts';

/** A process whose life is told by the test. */
class ScriptedProcess implements ChildHandle {
  readonly pid: number;
  readonly sent: ToChild[] = [];
  readonly signals: string[] = [];
  #onMessage: (message: unknown) => void = () => undefined;
  #onExit: (end: ChildEnd) => void = () => undefined;

  constructor(pid: number) {
    this.pid = pid;
  }

  send(message: ToChild): void {
    this.sent.push(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#onMessage = listener;
  }

  onExit(listener: (end: ChildEnd) => void): void {
    this.#onExit = listener;
  }

  ready(): void {
    this.#onMessage({ type: 'ready', port: 1 });
  }

  says(message: unknown): void {
    this.#onMessage(message);
  }

  dies(end: ChildEnd = { code: null, signal: 'SIGKILL' }): void {
    this.#onExit(end);
  }
}

function stage() {
  const clock = new ManualClock();
  const processes: ScriptedProcess[] = [];
  const events: ChildEvent[] = [];
  const child = new ManagedChild({
    name: 'gateway',
    fork: () => {
      const process = new ScriptedProcess(100 + processes.length);
      processes.push(process);
      return process;
    },
    startMessage: { type: 'stop' },
    clock,
    onEvent: (event) => events.push(event),
  });
  const last = (): ScriptedProcess => processes.at(-1)!;
  return { clock, processes, events, child, last };
}

describe('ManagedChild', () => {
  it('starts again a child that was killed, after 100 ms', async () => {
    const { clock, processes, child, last, events } = stage();
    const started = child.start();
    last().ready();
    await started;
    last().dies();
    expect(child.state).toBe('waiting');
    expect(child.pid).toBeUndefined();
    clock.advance(99);
    expect(processes).toHaveLength(1);
    clock.advance(1);
    last().ready();
    expect(child.state).toBe('ready');
    expect(child.restarts).toBe(1);
    expect(events.at(-1)).toEqual({ type: 'ready', child: 'gateway', pid: 101, restarts: 1 });
  });

  it("rejects the first start with the child's own sentence, and does not try again", async () => {
    const { clock, processes, child, last } = stage();
    const started = child.start();
    last().says({ type: 'failed', code: 'PORT_IN_USE', message: 'Expected port 1 to be free.' });
    last().dies({ code: 3, signal: null });
    await expect(started).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'Expected port 1 to be free.',
    });
    clock.advance(60_000);
    expect(processes).toHaveLength(1);
    expect(child.state).toBe('stopped');
  });

  it('reports a crash loop at the eleventh death in a minute and goes on trying every 30 s', async () => {
    const { clock, processes, child, last, events } = stage();
    const started = child.start();
    last().ready();
    await started;
    for (let death = 0; death < 11; death += 1) {
      last().dies({ code: 1, signal: null });
      if (death < 10) clock.advance(5_000);
    }
    expect(events.at(-1)).toEqual({
      type: 'crash-loop',
      child: 'gateway',
      why: 'ended with code 1',
      retryInMs: 30_000,
    });
    const before = processes.length;
    clock.advance(29_999);
    expect(processes).toHaveLength(before);
    clock.advance(1);
    expect(processes).toHaveLength(before + 1);
  });

  it('kills a child that never says ready', async () => {
    const { clock, child, last } = stage();
    const started = child.start();
    clock.advance(30_000);
    expect(last().signals).toEqual(['SIGKILL']);
    last().dies();
    await expect(started).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('asks before it kills when it stops a child, and does not start it again', async () => {
    const { clock, processes, child, last } = stage();
    const started = child.start();
    last().ready();
    await started;
    const stopped = child.stop(2_000);
    expect(last().sent.at(-1)).toEqual({ type: 'stop' });
    clock.advance(1_999);
    expect(last().signals).toEqual([]);
    clock.advance(1);
    expect(last().signals).toEqual(['SIGKILL']);
    last().dies();
    await stopped;
    clock.advance(60_000);
    expect(processes).toHaveLength(1);
  });

  it('replaces a child that is ready: asks it, kills it when it does not go, and says why', async () => {
    const { clock, processes, child, last, events } = stage();
    const started = child.start();
    child.replace('too early', 500);
    last().ready();
    await started;
    child.replace('took 300 MB of memory, limit 100', 500);
    child.replace('again', 500);
    expect(last().sent).toEqual([{ type: 'stop' }, { type: 'stop' }]);
    clock.advance(500);
    expect(last().signals).toEqual(['SIGKILL']);
    last().dies();
    expect(events.at(-1)).toMatchObject({ type: 'exited', why: 'took 300 MB of memory, limit 100' });
    clock.advance(100);
    last().ready();
    expect(processes).toHaveLength(2);
    last().dies();
    expect(events.at(-1)).toMatchObject({ type: 'exited', why: 'was ended by SIGKILL' });
  });

  it('stops a child that waits for its restart', async () => {
    const { clock, processes, child, last } = stage();
    const started = child.start();
    last().ready();
    await started;
    last().dies();
    await child.stop(1_000);
    clock.advance(60_000);
    expect(processes).toHaveLength(1);
  });

  it('ignores words on the channel that are not ours', async () => {
    const { child, last } = stage();
    void child.start();
    last().says({ type: 'ready' });
    last().says('ready');
    last().says(null);
    expect(child.state).toBe('starting');
  });
});
