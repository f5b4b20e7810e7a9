import { expect, test } from 'vitest';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import { SessionTranscript } from './session-transcript.ts';

const sampleRate = 16_000;
const from = { upstream: 'control', acceptHole: false };

/** One word that ends where its range does, 0.1 s long; no text: silence. */
function said(text: string, startMs: number, endMs: number): Hypothesis {
  const [start, end] = [startMs, endMs].map((ms) => (ms * sampleRate) / 1_000) as [number, number];
  return {
    start,
    end,
    text,
    words: text === '' ? [] : [{ text, start: end - sampleRate / 10, end, confidence: 1 }],
  };
}

/** Ten seconds of audio came at its own pace; then its attempt died at 10,000 ms. */
function broken(interimResults: boolean): SessionTranscript {
  const transcript = new SessionTranscript({ sampleRate, interimResults });
  for (let ms = 100; ms <= 10_000; ms += 100) transcript.frame((ms * sampleRate) / 1_000, ms);
  const audio = { startSample: 0, samplesForwarded: 0, samplesCovered: 0 };
  transcript.ledgers.attemptEnded({ upstream: 'next', ...audio, end: 'died', reason: '' }, 10_000);
  return transcript;
}

function pausesOf({ ledgers }: SessionTranscript): readonly number[] {
  const assignment = { flag: 'f', variant: 'v', reason: 'SPLIT', rulesetRevision: 1, upstream: 'next' };
  return ledgers.record({
    ...{ sessionId: 's', model: '', sampleRate, realTime: true, startedAtMs: 0, endedAtMs: 0, end: 'limit' },
    ...{ samplesOffered: 0, samplesDurable: 0 },
    assignment: { ...assignment, arm: 'candidate', userHash: '' },
  }).user.pausesMs;
}

test('text ends a pause, and says when its first word was said', () => {
  const transcript = broken(true);
  expect(transcript.partial(said('yes', 0, 3_000), 10_200)).toMatchObject({ saidAtMs: 2_900 });
  expect(pausesOf(transcript)).toEqual([200]);
});

test('a partial that the client does not get ends no pause', () => {
  const transcript = broken(false);
  expect(transcript.partial(said('yes', 0, 3_000), 10_200)).toMatchObject({ saidAtMs: null });
  expect(pausesOf(transcript)).toEqual([]);
  expect(transcript.final(said('yes', 0, 3_000), from, 10_900, true)).toMatchObject({ saidAtMs: 2_900 });
  expect(pausesOf(transcript)).toEqual([900]);
});

test('a final of silence ends no pause', () => {
  const transcript = broken(true);
  expect(transcript.final(said('', 0, 2_000), from, 10_100, true)).toMatchObject({ saidAtMs: null });
  expect(transcript.final(said('yes', 2_000, 3_000), from, 10_500, true)).toMatchObject({ saidAtMs: 2_900 });
  expect(pausesOf(transcript)).toEqual([500]);
});
