/** People who speak while a candidate is taken back: some for long, others only to see where they are put. */
import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { systemClock } from '@crossfade/sdk/core/clock';
import { WebSocket } from 'ws';
import { openStockClient } from '../../gateway/gateway.fixture.ts';
import { audioOf, sampleRate, textOf } from '../../gateway/scripted-upstream.fixture.ts';
import type { ControlClient } from '../../server/control-client.ts';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import type { SessionRecord } from '../../transcript/session-record.ts';

export const by = { actor: 'ana', reason: 'users complain' };

/** A rollout whose candidate everybody gets at once, moved at a boundary when it is taken back. */
export async function startForEverybody(client: ControlClient, name: string): Promise<void> {
  const plan = {
    name,
    control: { variant: 'before', upstream: 'control' },
    candidate: { variant: 'after', upstream: 'next', build: `build of ${name}` },
    stages: [{ name: 'everybody', share: 100, bake: '48h', minSessionsPerHour: 0 }],
    acceptance: 'waiver',
    drain: 'migrate',
    drainLimit: '2m',
  };
  await client.apply(plan, by);
  await client.command(name, 'start', by);
  await client.command(name, 'waive-acceptance', by);
}

export const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(delayMs, resolve));

/** Asks again until the answer is there. */
export async function eventually<Answer>(
  what: string,
  ask: () => Promise<Answer | null | undefined | false>,
  limitMs = 40_000,
): Promise<Answer> {
  const lastAtMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (systemClock.monotonicMs() > lastAtMs) throw new Error(`Expected ${what} within ${limitMs} ms.`);
    await after(20);
  }
}

const query = (key: string): string =>
  `encoding=linear16&sample_rate=${sampleRate}&interim_results=true&extra=targetingKey:${key}`;

/** Somebody who goes on speaking until told to end. */
export interface Speaker {
  readonly id: string;
  /** Says the rest; resolves with what was shown and what was said when the session is closed. */
  end(): Promise<{ readonly shown: string; readonly said: string }>;
}

/** Words before a speaker counts as open, and in each frame after that. */
const wordsAtFirst = 14;
const wordsAFrame = 2;

/** Speaks in real time; `send` takes the words from `first` on. */
function keepSpeaking(send: (audio: Uint8Array) => unknown): { stop(): number } {
  let words = wordsAtFirst;
  let cancel = (): void => {};
  const next = (): void => {
    send(audioOf(words, wordsAFrame));
    words += wordsAFrame;
    cancel = systemClock.after(100, next);
  };
  next();
  return {
    stop: () => {
      cancel();
      return words;
    },
  };
}

/** A client of another make: its session goes on only while its connection does. */
export async function openStockSpeaker(gatewayUrl: string, key: string): Promise<Speaker> {
  const client = await openStockClient(`${gatewayUrl}/v1/listen?${query(key)}`);
  client.send(audioOf(0, wordsAtFirst));
  await client.heard('w7');
  const speech = keepSpeaking((audio) => client.send(audio));
  return {
    id: client.id,
    end: async () => {
      const words = speech.stop();
      client.say('CloseStream');
      await client.closed;
      return { shown: client.text(), said: textOf(0, words) };
    },
  };
}

/** A client that takes its session up again after the gateway died. */
export async function openResumingSpeaker(gatewayUrl: string, key: string): Promise<Speaker> {
  const finals: string[] = [];
  const client = new TranscriptionClient({
    url: `${gatewayUrl}/v1/listen`,
    sampleRate,
    targetingKey: key,
    WebSocket,
    onResult: ({ isFinal, text }) => {
      if (isFinal && text !== '') finals.push(text);
    },
  });
  client.send(audioOf(0, wordsAtFirst));
  await eventually('a first final', () => Promise.resolve(finals.length > 1));
  const speech = keepSpeaking((audio) => client.send(audio));
  return {
    id: client.sessionId!,
    end: async () => {
      const words = speech.stop();
      await client.stop();
      return { shown: finals.join(' '), said: textOf(0, words) };
    },
  };
}

/** Short sessions, one after the other, for as long as they are wanted. */
export class Newcomers {
  readonly #url: string;
  readonly #running: Promise<void>[] = [];
  #count = 0;
  #stopped = false;

  constructor(gatewayUrl: string, name: string, everyMs: number) {
    this.#url = gatewayUrl;
    const again = (): void => {
      if (this.#stopped) return;
      this.#running.push(this.#visit(`${name}-newcomer-${this.#count++}`));
      systemClock.after(everyMs, again);
    };
    again();
  }

  /** No more of them; resolves when the last one is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** Where they were put stands in their records. A gateway that is down takes nobody. */
  async #visit(key: string): Promise<void> {
    const client = await openStockClient(`${this.#url}/v1/listen?${query(key)}`).catch(() => null);
    if (client === null) return;
    client.send(audioOf(0, 4));
    client.say('CloseStream');
    await client.closed;
  }
}

/** Every session record of a gateway that is stopped, in the order in which they were stored. */
export async function recordsIn(file: string): Promise<readonly SessionRecord[]> {
  const store = await openSqliteSessionStore({ file });
  const records: SessionRecord[] = [];
  for (let after = 0; ;) {
    const page = await store.records({ after });
    records.push(...page.map(({ record }) => record));
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.sequence;
  }
  await store.close();
  return records;
}
