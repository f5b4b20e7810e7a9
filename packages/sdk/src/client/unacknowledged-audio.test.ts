import { expect, test } from 'vitest';
import { UnacknowledgedAudio } from './unacknowledged-audio.ts';

const bytes = (count: number, value = 0): Uint8Array => new Uint8Array(count).fill(value);

test('audio is kept until it is durable, and given again from any sample', () => {
  const audio = new UnacknowledgedAudio('linear16', 1_000);
  audio.add(bytes(200, 1));
  audio.add(bytes(200, 2));
  audio.durable(100);
  expect(audio.endSample).toBe(200);
  expect([...audio.from(0)].map((piece) => piece.startSample)).toEqual([100]);
  const [cut] = audio.from(150);
  expect(cut).toMatchObject({ startSample: 150 });
  expect([...cut!.bytes]).toEqual([...bytes(100, 2)]);
});

test('a piece that is durable in part is kept whole', () => {
  const audio = new UnacknowledgedAudio('mulaw', 1_000);
  audio.add(bytes(100));
  audio.durable(60);
  expect([...audio.from(0)]).toHaveLength(1);
});

test('memory is bounded: what does not fit is refused whole, and fits again once audio is durable', () => {
  const audio = new UnacknowledgedAudio('linear16', 150);
  expect(audio.add(bytes(200))).toBe(true);
  expect(audio.add(bytes(200))).toBe(false);
  expect(audio.endSample).toBe(100);
  audio.durable(100);
  expect(audio.add(bytes(200))).toBe(true);
});

test('an acknowledgement that goes back or beyond what was sent changes nothing wrong', () => {
  const audio = new UnacknowledgedAudio('linear16', 1_000);
  audio.add(bytes(200));
  audio.durable(500);
  expect(audio.durableSample).toBe(100);
  audio.durable(10);
  expect(audio.durableSample).toBe(100);
});

test('the caller may reuse its buffer', () => {
  const audio = new UnacknowledgedAudio('linear16', 1_000);
  const buffer = bytes(4, 7);
  audio.add(buffer);
  buffer.fill(0);
  expect([...[...audio.from(0)][0]!.bytes]).toEqual([7, 7, 7, 7]);
});
