import { systemClock } from '@crossfade/sdk/core/clock';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EngineChildPool, type PoolLimits } from './engine-child-pool.ts';
import { scriptedChild } from './engine-child-script.fixture.ts';
import { maxBacklogSamples } from './engine-child-stream.ts';
import type { RecognizerEvent, RecognizerStream } from './engine.ts';

let script: ReturnType<typeof scriptedChild>;
beforeAll(() => {
  script = scriptedChild();
});
afterAll(() => script.remove());

const pools: EngineChildPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function poolOf(config: object = {}, limits: Partial<PoolLimits> = {}, clock = systemClock): EngineChildPool {
  const all = { maxStreams: 8, streamsPerChild: 4, idleChildren: 1, ...limits };
  const pool = new EngineChildPool(async () => script.program(config), all, clock);
  pools.push(pool);
  return pool;
}

/** One open stream with everything it reported, and a promise of its error. */
async function open(pool: EngineChildPool) {
  const events: RecognizerEvent[] = [];
  const errors: Error[] = [];
  let tell: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (tell = resolve));
  const listener = {
    onEvent: (event: RecognizerEvent) => void events.push(event),
    onError: (error: Error) => {
      errors.push(error);
      tell(error);
    },
  };
  const stream = await pool.open({ endpointMs: 400, maxFinalSamples: 80_000 }, listener);
  return { stream, events, errors, failed };
}

const audio = (length: number, value = 1): Int16Array => new Int16Array(length).fill(value);

test('what is written is heard in order, in messages of bounded size, and the backlog falls to nothing', async () => {
  const { stream, events } = await open(poolOf());
  stream.write(audio(100));
  stream.write(audio(20_000));
  expect(stream.backlogSamples).toBe(20_100);
  await stream.flush();
  expect(events.map((event) => event.type === 'speech-started' && event.sample)).toEqual([
    100, 8_000, 8_000, 4_000,
  ]);
  expect(stream.backlogSamples).toBe(0);
});

test('a flush waits for audio far beyond the window', async () => {
  const { stream, events } = await open(poolOf());
  for (let i = 0; i < 100; i++) stream.write(audio(8_000));
  await stream.flush();
  expect(events).toHaveLength(100);
});

test('the caller may use its buffer again at once', async () => {
  const { stream, errors } = await open(poolOf({ deaf: true }));
  const buffer = audio(8_000);
  for (let i = 0; i < 10; i++) stream.write(buffer);
  buffer.fill(666);
  const other = await open(poolOf());
  await other.stream.flush();
  expect(errors).toEqual([]);
});

test('a stream whose engine does not keep up ends with a sentence, not with the memory of the process', async () => {
  const { stream, errors, failed } = await open(poolOf({ deaf: true }));
  for (let i = 0; i < maxBacklogSamples / 80_000; i++) stream.write(audio(80_000));
  expect(errors).toEqual([]);
  stream.write(audio(1));
  await failed;
  expect(errors).toMatchObject([{ code: 'ENGINE_FAILED', message: expect.stringMatching(/backlogSamples/) }]);
});

test('a killed process: every stream of it is told once, flushes fail, and the next open starts another', async () => {
  const pool = poolOf();
  const streams = [await open(pool), await open(pool)];
  const [pid] = pool.pids();
  expect(pool.pids()).toHaveLength(1);
  process.kill(pid as number, 'SIGSTOP');
  const flushed = streams.map(({ stream }) => stream.flush());
  process.kill(pid as number, 'SIGKILL');
  for (const flush of flushed) await expect(flush).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  for (const { errors, stream } of streams) {
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/scripted process to live, it ended \(SIGKILL\)/) },
    ]);
    stream.write(audio(10));
    stream.close();
    expect(errors).toHaveLength(1);
  }
  const next = await open(pool);
  next.stream.write(audio(10));
  await next.stream.flush();
  expect(next.events).toHaveLength(1);
  expect(pool.pids()).not.toContain(pid);
});

test('a process that aborts by itself is reported with its last words', async () => {
  const { stream, failed } = await open(poolOf());
  stream.write(audio(1, 666));
  expect((await failed).message).toMatch(/SIGABRT|exit code 134/);
  expect((await failed).message).toMatch(/lattice != NULL/);
});

test('one failed stream leaves the others of its process alone', async () => {
  const pool = poolOf();
  const [bad, good] = [await open(pool), await open(pool)];
  bad.stream.write(audio(1, 13));
  expect((await bad.failed).message).toBe('unlucky');
  good.stream.write(audio(5));
  await good.stream.flush();
  expect(good.events).toHaveLength(1);
  expect(pool.pids()).toHaveLength(1);
});

test('a closed stream says nothing more, and its place is free again', async () => {
  const pool = poolOf({}, { maxStreams: 1 });
  const { stream, events } = await open(pool);
  await expect(open(pool)).rejects.toMatchObject({
    code: 'SESSION_LIMIT',
    message: expect.stringMatching(/at most 1/),
  });
  stream.write(audio(10));
  stream.close();
  stream.close();
  await stream.flush();
  const next = await open(pool);
  await next.stream.flush();
  expect(events).toEqual([]);
});

test('processes hold as many streams as they may; an idle one is kept, more are not', async () => {
  const pool = poolOf({}, { streamsPerChild: 2 });
  const streams = await Promise.all([1, 2, 3, 4, 5].map(() => open(pool)));
  expect(pool.pids()).toHaveLength(3);
  for (const { stream } of streams) stream.close();
  expect(pool.pids()).toHaveLength(1);
});

test('a child that refuses to start says why, and the next open tries again', async () => {
  const pool = poolOf({ refuse: 'libblas.so.3 is missing' });
  for (let i = 0; i < 2; i++) {
    await expect(open(pool)).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: 'libblas.so.3 is missing',
    });
  }
  expect(pool.pids()).toEqual([]);
});

test('a stream that cannot be opened is refused, and takes no place', async () => {
  const pool = poolOf({ unable: 'no memory' }, { maxStreams: 1 });
  for (let i = 0; i < 2; i++) await expect(open(pool)).rejects.toThrow('no memory');
});

test('a child that never gets ready is killed when its time is over', async () => {
  const clock = new ManualClock();
  const pool = poolOf({ hang: true }, {}, clock);
  const opened = open(pool).catch((error: unknown) => error);
  // The process is started in a later microtask; its limit is set with it.
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(30_000);
  expect(await opened).toMatchObject({ code: 'ENGINE_FAILED' });
});

test('a flush that hangs ends the stream when its time is over', async () => {
  const clock = new ManualClock();
  const { stream, errors } = await open(poolOf({ deaf: true }, {}, clock));
  const flushed: Promise<void> = stream.flush();
  clock.advance(60_000);
  await expect(flushed).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(errors).toHaveLength(1);
});

test('a closed engine ends its processes, tells open streams, and opens nothing', async () => {
  const pool = poolOf();
  const { failed } = await open(pool);
  const [pid] = pool.pids();
  await pool.close();
  await failed;
  expect(() => process.kill(pid as number, 0)).toThrow(/ESRCH/);
  await expect(open(pool)).rejects.toThrow(/this one was closed/);
});

test('closing while a process is being started leaves no process behind', async () => {
  const pool = poolOf();
  const opening: Promise<{ stream: RecognizerStream }> = open(pool);
  const settled = opening.catch((error: Error) => error);
  await pool.close();
  await settled;
  expect(pool.pids()).toEqual([]);
});
