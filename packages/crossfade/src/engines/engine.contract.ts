import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, RecognizedWord, RecognizerEvent, RecognizerStream, StreamOptions } from './engine.ts';

/** What an adapter brings to the contract suite. */
export interface EngineContract {
  /** A fresh engine; the suite closes it. */
  make(): Engine | Promise<Engine>;
  readonly sampleRate: number;
  /**
   * At least two utterances, with more than `endpointMs` + 200 ms of silence before, between and after them,
   * and at most 4 s long.
   */
  readonly audio: Int16Array;
  readonly utterances: readonly { readonly words: readonly string[]; readonly endSample: number }[];
  /** Default 400. */
  readonly endpointMs?: number;
  /** Share of the expected words that must be heard, in order. Default 1, and then nothing else may be heard. */
  readonly wordsMin?: number;
  /** How far the end of an utterance's last word may lie from the truth, ms. Default 0. */
  readonly wordEndToleranceMs?: number;
}

type Final = Extract<RecognizerEvent, { type: 'final' }>;
type Partial = Extract<RecognizerEvent, { type: 'partial' }>;

/** Longest wait for an engine that must catch up or start again. */
const waitMs = 60_000;

/** The promises of the Engine port, kept by every adapter. Call it inside a test file. */
export function engineContract(name: string, contract: EngineContract): void {
  const { audio, sampleRate, endpointMs = 400 } = contract;
  const options: StreamOptions = { sampleRate, endpointMs };

  describe(`${name} keeps the engine contract`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await contract.make();
    }, waitMs);
    afterAll(() => engine.close(), waitMs);

    it('says that it can run here, and takes this sample rate', async () => {
      expect(await engine.preflight()).toMatchObject({ ok: true });
      expect(engine.sampleRates === 'any' || engine.sampleRates.includes(sampleRate)).toBe(true);
      expect(engine.description.length).toBeGreaterThan(10);
    });

    it('hears the expected words, and when they were said', { timeout: waitMs }, async () => {
      const heard = await hear(engine, options, audio);
      expectWords(heard, contract);
      expectWordEnds(heard, contract);
    });

    it('tiles the audio with finals, whatever the size of the chunks', { timeout: waitMs }, async () => {
      for (const chunk of [Math.floor(sampleRate / 50), 1_537, audio.length]) {
        expectTiles(await hear(engine, options, audio, chunk), audio.length);
      }
    });

    it(
      'keeps words in order, inside their ranges, and partials after the last final',
      { timeout: waitMs },
      async () => {
        let finalEnd = 0;
        for (const event of await hear(engine, options, audio)) {
          if (event.type === 'speech-started') expect(event.sample).toBeGreaterThanOrEqual(finalEnd);
          else {
            expect(event.start).toBeGreaterThanOrEqual(finalEnd);
            expectWordsInside(event);
            if (event.type === 'final') finalEnd = event.end;
          }
        }
      },
    );

    it(
      'shows partials that grow before each final with words, after saying that speech started',
      { timeout: waitMs },
      async () => {
        const events = await hear(engine, options, audio);
        const spoken = finalsOf(events).filter(({ words }) => words.length > 0);
        for (const final of spoken) {
          const partials = events.filter(
            (event): event is Partial =>
              event.type === 'partial' && event.end > final.start && event.start < final.end,
          );
          expect(partials.length).toBeGreaterThan(0);
          expect(partials.every(({ words }) => words.length > 0)).toBe(true);
        }
        expect(events.findIndex(({ type }) => type === 'speech-started')).toBeLessThan(
          events.findIndex(({ type }) => type === 'partial'),
        );
      },
    );

    it('ends an utterance at silence, without waiting for a flush', { timeout: waitMs }, async () => {
      const endpoints = finalsOf(await hear(engine, options, audio)).filter(
        ({ cause }) => cause === 'endpoint',
      );
      expect(endpoints.length).toBeGreaterThanOrEqual(contract.utterances.length);
    });

    it('makes no final but by flush when there is no endpoint', { timeout: waitMs }, async () => {
      const heard: RecognizerEvent[] = [];
      const stream = await listen(engine, { sampleRate, endpointMs: null }, heard);
      await feed(stream, audio);
      await stream.flush();
      await stream.flush();
      stream.close();
      expect(finalsOf(heard).map(({ cause }) => cause)).toEqual(['flush']);
      expectTiles(heard, audio.length);
    });

    it(
      'tiles silence with empty finals, no longer than the limit, and no partials',
      { timeout: waitMs },
      async () => {
        const silence = new Int16Array(sampleRate * 5);
        const heard = await hear(engine, { ...options, maxFinalMs: 2_000 }, silence);
        expectTiles(heard, silence.length);
        expect(heard.every((event) => event.type === 'final' && event.words.length === 0)).toBe(true);
        const longest = Math.max(...finalsOf(heard).map(({ start, end }) => end - start));
        expect(longest).toBeLessThanOrEqual(sampleRate * 2.25);
      },
    );

    it(
      'goes on after a flush in the middle of the audio, and stays on its clock',
      { timeout: waitMs },
      async () => {
        const heard: RecognizerEvent[] = [];
        const stream = await listen(engine, options, heard);
        const middle = Math.floor(audio.length / 2);
        await feed(stream, audio.subarray(0, middle));
        await stream.flush();
        expectTiles(heard, middle);
        await feed(stream, audio.subarray(middle));
        await stream.flush();
        stream.close();
        expectTiles(heard, audio.length);
      },
    );

    it('flushes nothing as nothing', async () => {
      const heard: RecognizerEvent[] = [];
      const stream = await listen(engine, options, heard);
      await stream.flush();
      stream.close();
      expect(heard).toEqual([]);
    });

    it('says nothing after it was closed, and may be closed twice', async () => {
      const heard: RecognizerEvent[] = [];
      const stream = await listen(engine, options, heard);
      stream.close();
      stream.write(audio);
      stream.close();
      await stream.flush();
      expect(heard).toEqual([]);
    });

    it('keeps two streams apart', { timeout: waitMs }, async () => {
      const alone = await hear(engine, options, audio);
      const [spoken, silent]: [RecognizerEvent[], RecognizerEvent[]] = [[], []];
      const streams = [await listen(engine, options, spoken), await listen(engine, options, silent)] as const;
      for (let at = 0; at < audio.length; at += 1_600) {
        streams[0].write(audio.subarray(at, at + 1_600));
        streams[1].write(new Int16Array(audio.subarray(at, at + 1_600).length));
      }
      await Promise.all(streams.map((stream) => stream.flush()));
      streams.forEach((stream) => stream.close());
      expect(textOf(spoken)).toEqual(textOf(alone));
      expect(textOf(silent)).toEqual([]);
      expectTiles(silent, audio.length);
    });

    it(
      'outlives the death of its process: streams are told, and the next one is served',
      { timeout: waitMs },
      async (context) => {
        const heard: RecognizerEvent[] = [];
        let told: (error: Error) => void = () => undefined;
        const death = new Promise<Error>((resolve) => (told = resolve));
        const stream = await engine.open(options, {
          onEvent: (event) => heard.push(event),
          onError: (error) => told(error),
        });
        context.skip(engine.pids().length === 0, 'in process: there is no process to kill');
        stream.write(audio.subarray(0, Math.floor(audio.length / 3)));
        for (const pid of engine.pids()) process.kill(pid, 'SIGKILL');
        expect((await death).message.length).toBeGreaterThan(0);
        await stream.flush();
        stream.close();
        expectWords(await hear(engine, options, audio), contract);
      },
    );
  });
}

async function listen(
  engine: Engine,
  options: StreamOptions,
  heard: RecognizerEvent[],
): Promise<RecognizerStream> {
  return engine.open(options, {
    onEvent: (event) => heard.push(event),
    onError: (error) => {
      throw error;
    },
  });
}

async function hear(
  engine: Engine,
  options: StreamOptions,
  audio: Int16Array,
  chunk = Math.floor(options.sampleRate / 10),
): Promise<RecognizerEvent[]> {
  const heard: RecognizerEvent[] = [];
  const stream = await listen(engine, options, heard);
  await feed(stream, audio, chunk);
  await stream.flush();
  stream.close();
  return heard;
}

async function feed(stream: RecognizerStream, audio: Int16Array, chunk = 1_600): Promise<void> {
  for (let at = 0; at < audio.length; at += chunk) stream.write(audio.subarray(at, at + chunk));
}

function finalsOf(events: readonly RecognizerEvent[]): Final[] {
  return events.filter((event): event is Final => event.type === 'final');
}

function wordsOf(events: readonly RecognizerEvent[]): RecognizedWord[] {
  return finalsOf(events).flatMap(({ words }) => words);
}

function textOf(events: readonly RecognizerEvent[]): string[] {
  return wordsOf(events).map(({ text }) => text);
}

function expectTiles(events: readonly RecognizerEvent[], length: number): void {
  const finals = finalsOf(events);
  const starts = finals.map(({ start }) => start);
  expect(starts).toEqual([0, ...finals.slice(0, -1).map(({ end }) => end)]);
  expect(finals.every(({ start, end }) => end > start)).toBe(true);
  expect(finals.at(-1)?.end).toBe(length);
}

function expectWordsInside({ start, end, words }: Final | Partial): void {
  let at = start;
  for (const word of words) {
    expect(word.start).toBeGreaterThanOrEqual(at);
    expect(word.end).toBeGreaterThanOrEqual(word.start);
    expect(word.confidence).toBeGreaterThanOrEqual(0);
    expect(word.confidence).toBeLessThanOrEqual(1);
    at = word.end;
  }
  expect(at).toBeLessThanOrEqual(end);
}

function expectWords(events: readonly RecognizerEvent[], { utterances, wordsMin }: EngineContract): void {
  const expected = utterances.flatMap(({ words }) => words);
  const heard = textOf(events);
  if (wordsMin === undefined) expect(heard).toEqual(expected);
  else expect(inCommon(expected, heard) / expected.length).toBeGreaterThanOrEqual(wordsMin);
}

function expectWordEnds(events: readonly RecognizerEvent[], contract: EngineContract): void {
  const tolerance = ((contract.wordEndToleranceMs ?? 0) * contract.sampleRate) / 1_000;
  const ends = wordsOf(events).map(({ end }) => end);
  for (const { endSample } of contract.utterances) {
    expect(Math.min(...ends.map((end) => Math.abs(end - endSample)))).toBeLessThanOrEqual(tolerance);
  }
}

/** Length of the longest common subsequence. */
function inCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const word of a) {
    const next = [0];
    for (let j = 0; j < b.length; j++) {
      next.push(word === b[j] ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!));
    }
    row = next;
  }
  return row[b.length]!;
}
