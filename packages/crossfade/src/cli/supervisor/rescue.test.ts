import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { auditWords, type WordAudit } from '../../signal/word-audit.ts';
import { wordIndex } from '../../signal/word-text.ts';
import { type DemoAudio, demoSampleRate, DemoVoice } from '../demo/demo-audio.ts';
import { speakSession } from '../demo/live-session.ts';
import { startTestSystem, type TestSystem } from './system.fixture.ts';

let test: TestSystem;
beforeAll(async () => {
  test = await startTestSystem();
}, 60_000);
afterAll(() => test.close());

const speech = (seed: number): DemoAudio =>
  new DemoVoice(null).audioOf({ kind: 'tone', seed, durationMs: 5_000 });

function audit(
  audio: DemoAudio,
  words: readonly { readonly text: string; readonly start: number }[],
): WordAudit {
  return auditWords(
    audio.script!,
    words.map(({ text, start }) => ({ index: wordIndex(text) ?? -1, start })),
  );
}

const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(delayMs, resolve));

describe('a session whose servers die', () => {
  it('gives a stock client the whole transcript when its pipeline is killed in mid-speech', async () => {
    const audio = speech(11);
    const spoken = speakSession({
      gatewayUrl: test.system.gatewayUrl,
      // What a client asks for that was written for another server.
      model: 'nova-3',
      targetingKey: 'user-1',
      attributes: {},
      audio,
      clock: systemClock,
    });
    await after(2_300);
    await test.killAndAwait('streaming');
    const { failure, words, duplicateEntries } = await spoken;
    expect(failure).toBeNull();
    expect(duplicateEntries).toBe(0);
    expect(audit(audio, words)).toMatchObject({ missing: [], repeated: [], foreign: [] });
  }, 30_000);

  it('keeps everything a stock client sent before its gateway was killed, for GET /sessions/:id', async () => {
    const audio = speech(12);
    const { sessionId, sent } = await speakUntilKilled(audio, 2_500);
    const url = `${test.system.gatewayUrl.replace('ws', 'http')}/sessions/${sessionId}`;
    const session = await untilEnded(url);
    expect(session.samplesReceived).toBeGreaterThan(sent - demoSampleRate * 0.3);
    const words = session.entries.flatMap((entry) => entry.words);
    const received = audio.script!.words.filter((word) => word.end <= session.samplesReceived);
    const { missing, repeated } = audit(audio, words);
    expect(missing.filter((word) => received.includes(word))).toEqual([]);
    expect(repeated).toEqual([]);
    expect(received.length).toBeGreaterThan(5);
  }, 60_000);

  it('gives our resuming client the whole transcript when the gateway is killed', async () => {
    const audio = speech(13);
    const words: { text: string; start: number }[] = [];
    const client = new TranscriptionClient({
      url: `${test.system.gatewayUrl}/v1/listen`,
      sampleRate: demoSampleRate,
      model: 'tone',
      WebSocket,
      onResult: (result) => {
        if (!result.isFinal) return;
        words.push(
          ...result.words.map(({ word, start }) => ({
            text: word,
            start: Math.round(start * demoSampleRate),
          })),
        );
      },
    });
    const frame = demoSampleRate / 10;
    for (let at = 0, killed = false; at < audio.totalSamples; at += frame) {
      const samples = audio.read(at, Math.min(audio.totalSamples, at + frame));
      expect(client.send(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength))).toBe(true);
      await after(100);
      if (!killed && at > audio.totalSamples / 2) {
        killed = true;
        test.system.children.get('gateway')?.kill('SIGKILL');
      }
    }
    await client.stop();
    expect(audit(audio, words)).toMatchObject({ missing: [], repeated: [], foreign: [] });
  }, 60_000);
});

/** A stock client that speaks until the gateway is killed under it. */
async function speakUntilKilled(
  audio: DemoAudio,
  killAfterMs: number,
): Promise<{ sessionId: string; sent: number }> {
  const query = `model=tone&encoding=linear16&sample_rate=${demoSampleRate}&interim_results=true`;
  const socket = new WebSocket(`${test.system.gatewayUrl}/v1/listen?${query}`);
  let sessionId = '';
  socket.on('upgrade', (response) => (sessionId = String(response.headers['dg-request-id'])));
  await new Promise((resolve) => socket.once('open', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  let sent = 0;
  const frame = demoSampleRate / 10;
  for (; sent < (killAfterMs * demoSampleRate) / 1_000; sent += frame) {
    const samples = audio.read(sent, sent + frame);
    socket.send(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    await after(100);
  }
  await test.killAndAwait('gateway');
  await closed;
  return { sessionId, sent };
}

interface ShownSession {
  readonly state: string;
  readonly samplesReceived: number;
  readonly entries: readonly {
    readonly words: readonly { readonly text: string; readonly start: number }[];
  }[];
}

/** Asks until the session is over; the restarted gateway finishes it from the journal. */
async function untilEnded(url: string): Promise<ShownSession> {
  for (;;) {
    const response = await fetch(url);
    const session = (await response.json()) as ShownSession;
    if (response.ok && session.state === 'ended') return session;
    await after(200);
  }
}
