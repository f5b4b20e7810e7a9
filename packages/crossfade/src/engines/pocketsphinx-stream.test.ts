import { expect, test } from 'vitest';
import type { RecognizerEvent } from './engine.ts';
import { ramp, ScriptedDecoder, type ScriptedWord } from './pocketsphinx-decoder.fixture.ts';
import { SegmentedStream } from './pocketsphinx-stream.ts';

const second = 16_000;
type Final = Extract<RecognizerEvent, { type: 'final' }>;

/** Words of half a second each from `start` on, both in seconds. */
function said(text: string, start: number): ScriptedWord[] {
  return text
    .split(' ')
    .map((word, i) => ({ text: word, start: (start + i / 2) * second, end: (start + (i + 1) / 2) * second }));
}

function hear(script: readonly ScriptedWord[], seconds: number, options = {}, chunk = 1_600) {
  const decoder = new ScriptedDecoder(script);
  const events: RecognizerEvent[] = [];
  const settings = { endpointing: true, maxFinalSamples: 5 * second, ...options };
  const stream = new SegmentedStream(decoder, settings, (event) => events.push(event));
  const audio = ramp(seconds * second);
  for (let at = 0; at < audio.length; at += chunk) stream.write(audio.subarray(at, at + chunk));
  stream.flush();
  const finals = events.filter((event): event is Final => event.type === 'final');
  return { decoder, events, finals, stream };
}

const textOf = ({ words }: { words: readonly { text: string }[] }): string =>
  words.map(({ text }) => text).join(' ');

function expectTiles(finals: readonly Final[], end: number): void {
  expect(finals.map(({ start }) => start)).toEqual([0, ...finals.slice(0, -1).map((final) => final.end)]);
  expect(finals.at(-1)?.end).toBe(end);
}

test('speech ends in a final after the silence that the decoder waits for, and words keep their times', () => {
  const { finals, decoder } = hear(said('one two', 1), 4);
  const [lead, spoken, rest] = finals;
  expect(finals.map(textOf)).toEqual(['', 'one two', '']);
  expect(lead?.end).toBe(1 * second + 320 - 4_800);
  expect(spoken).toMatchObject({ cause: 'endpoint', end: 2.4 * second });
  expect(spoken?.words.map(({ start, end }) => [start / second, end / second])).toEqual([
    [1, 1.5],
    [1.5, 2],
  ]);
  expect(rest).toMatchObject({ cause: 'flush', end: 4 * second, words: [] });
  expectTiles(finals, 4 * second);
  // The trap: without an end and a start of the utterance here, all later word times would be wrong.
  expect(decoder.calls.filter((call) => call === 'endUtterance')).toHaveLength(2);
});

test('a second sentence is on the same clock as the first', () => {
  const { finals } = hear([...said('one two', 1), ...said('three', 6)], 9);
  const third = finals.flatMap(({ words }) => words).at(-1);
  expect(third).toMatchObject({ text: 'three', start: 6 * second, end: 6.5 * second });
});

test('partials grow, come after the start of speech, and lie after the last final', () => {
  const { events } = hear(said('one two three', 1), 4);
  const texts = events.flatMap((event) => (event.type === 'partial' ? [textOf(event)] : []));
  expect(texts).toEqual(['one', 'one two', 'one two three']);
  const kinds = events.map(({ type }) => type);
  expect(kinds.indexOf('speech-started')).toBeLessThan(kinds.indexOf('partial'));
  const first = events.find((event) => event.type === 'partial');
  expect(first).toMatchObject({ start: 1 * second + 320 - 4_800 });
});

test('the same audio gives the same finals in chunks of any size', () => {
  const script = [...said('one two', 0.3), ...said('three four five six', 3)];
  const expected = hear(script, 7, {}, 160).finals;
  for (const chunk of [37, 1_600, 7 * second]) expect(hear(script, 7, {}, chunk).finals).toEqual(expected);
});

test('silence is tiled by empty finals within the limit', () => {
  const { finals } = hear([], 12);
  expect(finals.map(({ cause }) => cause)).toEqual(['length', 'length', 'flush']);
  for (const { start, end, words } of finals) {
    expect(words).toEqual([]);
    expect(end - start).toBeLessThanOrEqual(5 * second);
  }
  expectTiles(finals, 12 * second);
});

test('speech without a pause is cut between words at the limit, and no word is lost, doubled or moved', () => {
  const text = 'a b c d e f g h i j k l m n o p q r s t u v w x';
  const script = said(text, 0.5);
  const { finals, events } = hear(script, 15);
  expect(finals.map(textOf).filter(Boolean).join(' ')).toBe(text);
  const words = finals.flatMap((final) => final.words);
  for (const [i, { start, end }] of words.entries()) {
    expect(Math.abs(start - (script[i]?.start ?? 0))).toBeLessThanOrEqual(160);
    expect(Math.abs(end - (script[i]?.end ?? 0))).toBeLessThanOrEqual(160);
  }
  expect(finals.filter(({ cause }) => cause === 'length').length).toBeGreaterThanOrEqual(2);
  for (const { start, end } of finals) expect(end - start).toBeLessThanOrEqual(5 * second);
  expectTiles(finals, 15 * second);
  expect(events.filter(({ type }) => type === 'speech-started')).toHaveLength(1);
});

test('one sound longer than the limit is cut all the same', () => {
  const { finals } = hear([{ text: 'hum', start: 0, end: 12 * second }], 12);
  for (const { start, end } of finals) expect(end - start).toBeLessThanOrEqual(5 * second);
  expectTiles(finals, 12 * second);
});

test('without endpointing a pause makes no final, and the words on both sides of it come with the flush', () => {
  const { finals } = hear([...said('one', 0.5), ...said('two', 2.5)], 4, { endpointing: false });
  expect(finals.map(({ cause }) => cause)).toEqual(['flush']);
  expect(textOf(finals[0] as Final)).toBe('one two');
  expect(finals[0]?.words[1]).toMatchObject({ start: 2.5 * second, end: 3 * second });
});

test('a flush in the middle of a word keeps the clock: the padding it feeds is not audio', () => {
  const decoder = new ScriptedDecoder(said('one two three', 0.5));
  const finals: Final[] = [];
  const stream = new SegmentedStream(decoder, { endpointing: true, maxFinalSamples: 5 * second }, (event) => {
    if (event.type === 'final') finals.push(event);
  });
  const audio = ramp(3 * second);
  stream.write(audio.subarray(0, 1.25 * second));
  stream.flush();
  stream.flush();
  stream.write(audio.subarray(1.25 * second));
  stream.flush();
  expect(finals.map(textOf)).toEqual(['one two', 'two three', '']);
  expect(finals[1]?.words[1]).toMatchObject({ text: 'three', start: 1.5 * second, end: 2 * second });
  expectTiles(finals, 3 * second);
});

test('fillers are not words, and a second pronunciation is the same word', () => {
  const script = ['<s>', 'read(2)', '<sil>', '[NOISE]', '++UH++', '(NULL)', "don't", '</s>'].join(' ');
  const { finals } = hear(said(script, 0.5), 6);
  expect(finals.map(textOf).join(' ').trim()).toBe("read don't");
});
