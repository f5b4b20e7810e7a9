import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type {
  Engine,
  EnginePreflight,
  RecognizerStream,
  StreamListener,
  StreamOptions,
} from '../engines/engine.ts';
import { ToneEngine } from '../engines/tone.ts';
import { ListenClient, tonePipeline } from './listen-client.fixture.ts';
import type { Pipeline } from './pipeline.ts';
import type { PipelineOptions } from './pipeline-options.ts';

const started: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((pipeline) => pipeline.close()));
});

async function start(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  const pipeline = await tonePipeline(options);
  started.push(pipeline);
  return pipeline;
}

/** What a client that may not come in is told. */
async function refusal(port: number, query: Record<string, string>) {
  const { socket, closed } = new ListenClient(port, query);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  socket.terminate();
  await closed.catch(() => undefined);
  const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
  return {
    status: response.statusCode,
    reason: response.headers['dg-error'],
    headers: response.headers,
    body,
  };
}

/** An engine that does what the test says. */
class ScriptedEngine implements Engine {
  readonly name = 'pocketsphinx';
  readonly description = 'A fake for tests.';
  readonly sampleRates = 'any';
  preflightAnswer: EnginePreflight = { ok: true, detail: '' };
  opening: Promise<void> = Promise.resolve();
  /** Resolves when a stream was asked for. */
  readonly opened: Promise<void>;
  #sayOpened: () => void = () => undefined;
  flushing: Promise<void> = Promise.resolve();
  backlogSamples = 0;
  listener: StreamListener | null = null;
  streamsClosed = 0;

  constructor() {
    this.opened = new Promise((resolve) => (this.#sayOpened = resolve));
  }

  preflight(): Promise<EnginePreflight> {
    return Promise.resolve(this.preflightAnswer);
  }

  async open(_options: StreamOptions, listener: StreamListener): Promise<RecognizerStream> {
    this.#sayOpened();
    await this.opening;
    this.listener = listener;
    const backlog = (): number => this.backlogSamples;
    return {
      write: () => undefined,
      flush: () => this.flushing,
      get backlogSamples() {
        return backlog();
      },
      close: () => (this.streamsClosed += 1),
    };
  }

  pids(): readonly number[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const scripted = { model: 'pocketsphinx' };

describe('a pipeline refuses before the upgrade', () => {
  it.each([
    [{ model: 'nova-3' }, 'Expected model to be one of tone, got nova-3.', 'ENGINE_UNKNOWN'],
    [
      { encoding: 'opus' },
      'Expected encoding to be one of linear16, mulaw, alaw, got opus.',
      'QUERY_INVALID',
    ],
    [
      { sample_rate: '7999' },
      'Expected sample_rate to be a whole number from 8000 to 48000, got 7999.',
      'QUERY_INVALID',
    ],
    [
      { channels: '2' },
      'Expected channels to be one channel (channels=1, multichannel=false), got channels=2.',
      'QUERY_INVALID',
    ],
    [
      { endpointing: 'soon' },
      'Expected endpointing to be whole milliseconds from 0 to 60000, got "soon".',
      'QUERY_INVALID',
    ],
  ])('%j with 400 and a sentence', async (query, sentence, code) => {
    const { port } = await start();
    const { status, reason, headers, body } = await refusal(port, query);
    expect({ status, reason, code: body['err_code'], message: body['err_msg'] }).toEqual({
      status: 400,
      reason: sentence,
      code,
      message: sentence,
    });
    expect(headers['dg-request-id']).toBe(body['request_id']);
  });

  it('an engine that is missing, with the remedy', async () => {
    const engine = new ScriptedEngine();
    engine.preflightAnswer = {
      ok: false,
      missing: 'no libpocketsphinx',
      remedy: 'Run crossfade engines fetch pocketsphinx.',
    };
    const { port } = await start({ engines: [new ToneEngine(), engine] });
    const { status, reason } = await refusal(port, scripted);
    expect(status).toBe(400);
    expect(reason).toBe(
      'Expected the engine pocketsphinx to be here, got no libpocketsphinx. Run crossfade engines fetch pocketsphinx.',
    );
    engine.preflightAnswer = { ok: true, detail: '' };
    await new ListenClient(port, scripted).open();
  });

  it('one session more than it may carry, with 503, until one ends', async () => {
    const { port } = await start({ limits: { sessionsMax: 2 } });
    const first = await new ListenClient(port).open();
    await new ListenClient(port).open();
    expect(await refusal(port, {})).toMatchObject({ status: 503, body: { err_code: 'SESSION_LIMIT' } });
    await first.finish();
    await new ListenClient(port).open();
  });

  it('a new session while its engine is too far behind, with 503, but not those of another engine', async () => {
    const engine = new ScriptedEngine();
    const { port } = await start({ engines: [engine, new ToneEngine()] });
    await new ListenClient(port, scripted).open();
    engine.backlogSamples = 10_000 * 16;
    expect(await refusal(port, scripted)).toMatchObject({ status: 503, body: { err_code: 'SESSION_LIMIT' } });
    await new ListenClient(port).open();
    engine.backlogSamples = 9_999 * 16;
    await new ListenClient(port, scripted).open();
  });

  it('a session whose engine does not open in time, and closes the stream when it comes late', async () => {
    const clock = new ManualClock();
    const engine = new ScriptedEngine();
    let open: () => void = () => undefined;
    engine.opening = new Promise((resolve) => (open = resolve));
    const { port } = await start({ clock, engines: [engine] });
    const refused = refusal(port, scripted);
    await engine.opened;
    clock.advance(10_000);
    expect(await refused).toMatchObject({ status: 503, body: { err_code: 'TIMEOUT' } });
    open();
    await expect.poll(() => engine.streamsClosed).toBe(1);
  });

  it('without a stack trace when an engine fails in a new way', async () => {
    const engine = new ScriptedEngine();
    engine.opening = Promise.reject(new TypeError('x is not a function'));
    engine.opening.catch(() => undefined);
    const { port } = await start({ engines: [engine] });
    const { status, body } = await refusal(port, scripted);
    expect({ status, message: body['err_msg'] }).toEqual({
      status: 500,
      message: 'The pipeline failed on this request.',
    });
  });

  it('any other path', async () => {
    const { port } = await start();
    const response = await fetch(`http://127.0.0.1:${port}/v1/other`);
    expect(response.status).toBe(404);
  });
});

describe('a pipeline closes a session with a reason', () => {
  it.each([
    ['half a sample', Uint8Array.of(1, 2, 3), 'whole linear16 samples'],
    ['text that is no message', 'hello', 'Expected JSON text'],
    ['a message it does not know', '{"type":"Configure"}', 'CloseStream'],
  ])('%s: 1008 DATA-0000', async (_, frame, sentence) => {
    const { port } = await start();
    const client = await new ListenClient(port).open();
    client.socket.send(frame);
    expect(await client.closed).toEqual({ code: 1008, reason: 'DATA-0000' });
    expect(client.messages.at(-1)).toMatchObject({
      type: 'Error',
      variant: 'DATA-0000',
      description: expect.stringContaining(sentence),
    });
  });

  it('a frame larger than any audio: 1009', async () => {
    const { port } = await start();
    const client = await new ListenClient(port).open();
    client.socket.send(new Uint8Array(300_000));
    expect((await client.closed).code).toBe(1009);
  });

  it('an engine that died: 1011, and the others go on', async () => {
    const engine = new ScriptedEngine();
    const pipeline = await start({ engines: [engine, new ToneEngine()] });
    const client = await new ListenClient(pipeline.port, scripted).open();
    const other = await new ListenClient(pipeline.port).open();
    engine.listener!.onError(
      new CrossfadeError('ENGINE_FAILED', 'Expected the engine to live, got SIGKILL.'),
    );
    expect(await client.closed).toEqual({ code: 1011, reason: 'engine failed' });
    expect(client.messages.at(-1)).toMatchObject({
      type: 'Error',
      variant: 'ENGINE_FAILED',
      description: expect.stringContaining('SIGKILL'),
    });
    expect((await other.finish()).code).toBe(1000);
    expect((await pipeline.stats()).sessions).toBe(0);
  });

  it('an engine that died while the session closes: 1011, not 1000', async () => {
    const engine = new ScriptedEngine();
    engine.flushing = Promise.reject(new Error('gone'));
    engine.flushing.catch(() => undefined);
    const { port } = await start({ engines: [engine] });
    const client = await new ListenClient(port, scripted).open();
    expect((await client.finish()).code).toBe(1011);
  });

  it('an engine that never flushes: 1011 NET-0000 after the limit', async () => {
    const clock = new ManualClock();
    const engine = new ScriptedEngine();
    engine.flushing = new Promise(() => undefined);
    const { port } = await start({ clock, engines: [engine] });
    const client = await new ListenClient(port, scripted).open();
    client.say('CloseStream');
    await client.settled();
    clock.advance(30_000);
    expect(await client.closed).toEqual({ code: 1011, reason: 'NET-0000' });
  });

  it('is not read while its engine is far behind, and then goes on', async () => {
    const clock = new ManualClock();
    const engine = new ScriptedEngine();
    const limits = { sessionBacklogMs: 1_000, idleMs: 1_000_000 };
    const { port } = await start({ clock, engines: [engine, new ToneEngine()], limits });
    const other = await new ListenClient(port).open();
    const client = await new ListenClient(port, scripted).open();
    engine.backlogSamples = 17_000;
    client.sendAudio(new Int16Array(1_600));
    await client.settled();
    let answered = false;
    const pong = client.settled().then(() => (answered = true));
    clock.advance(60_000);
    // Another session is read meanwhile, twice: this one would have been too.
    await other.settled();
    await other.settled();
    expect(answered).toBe(false);
    engine.backlogSamples = 1_000;
    clock.advance(50);
    await pong;
    expect((await client.finish()).code).toBe(1000);
  });
});

describe('a pipeline does not start', () => {
  it('on a port that is taken, and says so', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(tonePipeline({ port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`${port}`),
    });
    other.close();
  });

  it('with a build that cannot stand in a header', async () => {
    for (const build of ['', 'a\r\nb: c', 'ä'])
      await expect(tonePipeline({ build })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('without an engine', async () => {
    await expect(tonePipeline({ engines: [] })).rejects.toMatchObject({ code: 'USAGE' });
  });
});
