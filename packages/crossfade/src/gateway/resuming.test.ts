/** A client that resumes, by whatever it and its gateway go through: the real client, voice and transcript, without sockets. */
import { type SocketConstructor, TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import type { Relay } from './relay.ts';
import type { ResumePoint, SessionClient } from './session-client.ts';
import type { SessionNote } from './session-notes.ts';
import { SessionTranscript } from './session-transcript.ts';
import { SessionVoice } from './session-voice.ts';
import { sendStored } from './stored-session.ts';

const sampleRate = 16_000;
const wordSamples = 1_600;
const query = { sampleRate, interimResults: true, model: 'general' } as ListenQuery;
const sessionId = 'session';

type Step =
  | { readonly kind: 'audio'; readonly count: number }
  /** What the upstream says of `count` words, from so many before (or behind) what is settled. */
  | { readonly kind: 'partial' | 'final'; readonly from: number; readonly count: number }
  | { readonly kind: 'write' | 'flush' | 'join' }
  /** The connection breaks, and so many messages on their way are lost. */
  | { readonly kind: 'drop' | 'kill' | 'power-cut'; readonly lost: number };

const count = fc.integer({ min: 1, max: 5 });
const lost = fc.constantFrom(0, 0, 1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  ...[
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('audio' as const), count }) },
    { weight: 3, arbitrary: said('partial', [0, 0, -1, 1, 2]) },
    { weight: 6, arbitrary: said('final', [0, 0, -1, -2]) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('drop' as const, 'kill' as const), lost }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('power-cut' as const), lost }) },
  ],
);

function said(kind: 'partial' | 'final', from: readonly number[]) {
  return fc.record({ kind: fc.constant(kind), from: fc.constantFrom(...from), count });
}

/** Lets what waits for promises go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

/** The socket as its client sees it. */
interface ClientSide {
  readonly url: string;
  readonly onmessage: (event: { data: string }) => void;
  readonly onclose: () => void;
}

/** A gateway with one session, its disk, and the client. */
class World {
  readonly #isSilent: readonly boolean[];
  readonly #clock = new ManualClock();
  readonly #client: TranscriptionClient;
  /** Texts of finals by segment, in the order in which the client got them. */
  readonly finals = new Map<string, string>();
  readonly #revisions = new Map<string, number>();
  #finalsEnd = 0;
  readonly wrongs: string[] = [];
  /** Segments of which the client shows a text that may change. */
  readonly partials = new Set<string>();
  readonly #notes: SessionNote[] = [];
  #writtenNotes = 0;
  #durableNotes = 0;
  #waiting: { readonly notes: number; readonly resolve: () => void }[] = [];
  #transcript!: SessionTranscript;
  #voice!: SessionVoice;
  #words = 0;
  /** The client's socket, and what is on its way to it. */
  #socket: ClientSide | null = null;
  #isJoined = false;
  #onItsWay: object[] = [];

  constructor(isSilent: readonly boolean[]) {
    this.#isSilent = isSilent;
    const onSocket = (socket: unknown): void => {
      this.#socket = socket as ClientSide;
    };
    class Socket {
      readonly readyState = 1;
      readonly url: string;
      constructor(url: string) {
        this.url = url;
        onSocket(this);
      }
      send(): void {}
      close(): void {}
    }
    this.#restart(0);
    this.#client = new TranscriptionClient({
      url: 'ws://gateway/v1/listen',
      sampleRate,
      clock: this.#clock,
      random: { next: () => 0 },
      giveUpMs: Infinity,
      WebSocket: Socket as unknown as SocketConstructor,
      onResult: ({ segmentId, revision, isFinal, text, start, end }) => {
        if (revision !== (this.#revisions.get(segmentId) ?? -1) + 1)
          this.wrongs.push(`${segmentId} is at revision ${revision}`);
        this.#revisions.set(segmentId, revision);
        if (this.finals.has(segmentId)) this.wrongs.push(`${segmentId} came after its final`);
        if (isFinal) {
          this.finals.set(segmentId, text);
          if (Math.round(start * sampleRate) !== this.#finalsEnd)
            this.wrongs.push(`${segmentId} does not tile`);
          this.#finalsEnd = Math.round(end * sampleRate);
        }
        if (isFinal || text === '') this.partials.delete(segmentId);
        else this.partials.add(segmentId);
      },
    });
    this.#join();
  }

  async take(step: Step): Promise<void> {
    if ('lost' in step) {
      this.#drop(step.lost);
      if (step.kind !== 'drop') this.#restart(step.kind === 'kill' ? this.#writtenNotes : this.#durableNotes);
    } else if ('from' in step) this.#said(step.kind, step.from, step.count);
    else if (step.kind === 'audio') this.#audio(step.count);
    else if (step.kind === 'write') this.#write();
    else if (step.kind === 'flush') this.#durableNotes = this.#writtenNotes;
    else this.#join();
    await settle();
  }

  /** Everything is said to the end, with the client or before it comes for what is stored. */
  async end(isStored: boolean): Promise<void> {
    if (isStored) this.#drop(2);
    else this.#join();
    this.#audio(3);
    while (this.#transcript.settledSample < this.#transcript.endSample) this.#said('final', 0, 2);
    this.#write();
    await settle();
    if (isStored) {
      this.#onItsWay = [];
      const socket = {
        send: (text: string) => void this.#onItsWay.push(JSON.parse(text) as object),
        close: () => {},
      } as unknown as WebSocket;
      const samplesOffered = this.#transcript.endSample;
      const record = { sessionId, sampleRate, model: '', endedAtMs: 0, user: { samplesOffered } };
      const { entries } = this.#transcript;
      sendStored(socket, record as SessionRecord, { sessionId, sampleRate, entries }, this.#point()!);
    }
    this.#deliver(Infinity);
    this.#client.close();
  }

  /** All that was said, as it was. */
  get truth(): string {
    const words = Array.from({ length: this.#words }, (_, index) => index);
    return words.flatMap((word) => (this.#silent(word) ? [] : [`w${word}`])).join(' ');
  }

  #silent(word: number): boolean {
    return this.#isSilent[word % this.#isSilent.length]!;
  }

  /** Over the notes that the disk has. */
  #restart(notes: number): void {
    this.#notes.length = notes;
    this.#writtenNotes = notes;
    this.#durableNotes = notes;
    this.#waiting = [];
    this.#transcript = new SessionTranscript(query);
    this.#transcript.restore(this.#words * wordSamples, this.#notes, {} as Relay, 0);
    this.#voice = new SessionVoice(sessionId, query, () => {
      const notes = this.#notes.length;
      if (notes <= this.#writtenNotes) return Promise.resolve();
      return new Promise((resolve) => this.#waiting.push({ notes, resolve }));
    });
  }

  #audio(count: number): void {
    this.#words += count;
    this.#transcript.frame(this.#words * wordSamples, 0);
  }

  #said(kind: 'partial' | 'final', from: number, count: number): void {
    const first = Math.max(0, this.#transcript.settledSample / wordSamples + from);
    const said = this.#hypothesis(first, Math.min(first + count, this.#words), kind === 'final');
    if (said === null) return;
    const flags = { speechFinal: true, fromFinalize: false };
    if (kind === 'partial') {
      const heard = this.#transcript.partial(said, 0);
      if (heard !== null) this.#voice.results(heard.shown, flags);
      return;
    }
    const heard = this.#transcript.final(said, { upstream: 'control', acceptHole: false }, 0, true);
    if (heard?.kind !== 'show') return;
    this.#notes.push(heard.note);
    this.#voice.results(heard.shown, flags);
  }

  /** Partials take silence for words sometimes. */
  #hypothesis(first: number, end: number, isFinal: boolean): Hypothesis | null {
    if (end <= first) return null;
    const words = Array.from({ length: end - first }, (_, index) => first + index)
      .filter((word) => !(isFinal && this.#silent(word)))
      .map((word) => {
        const start = word * wordSamples;
        return { text: `w${word}`, start, end: start + wordSamples, confidence: 1 };
      });
    const text = words.map((word) => word.text).join(' ');
    return { start: first * wordSamples, end: end * wordSamples, text, words };
  }

  #write(): void {
    this.#writtenNotes = this.#notes.length;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #drop(lost: number): void {
    if (!this.#isJoined) return;
    this.#deliver(Math.max(0, this.#onItsWay.length - lost));
    this.#isJoined = false;
    this.#voice.clientGone();
    const old = this.#socket!;
    old.onclose();
    // It connects anew by itself, and nobody answers yet.
    while (this.#socket === old) this.#clock.advance(1_000);
  }

  #join(): void {
    if (this.#isJoined) return;
    this.#isJoined = true;
    const onItsWay: object[] = [];
    // What is on its way to another socket never arrives.
    this.#onItsWay = onItsWay;
    const client: SessionClient = {
      acks: true,
      send: (message) => void onItsWay.push(message),
      durable: () => {},
      close: () => {},
    };
    const point = this.#point();
    this.#voice.turnTo(client, this.#transcript.heardBeyond(point));
    this.#voice.resume(this.#transcript.endSample);
    if (point !== null) this.#voice.again(this.#transcript.finalsAfter(point));
    // Its id must have come, or it would be another session.
    if (point === null) this.#deliver(1);
  }

  /** What the client said of itself when it connected last. */
  #point(): ResumePoint | null {
    const extras = new URL(this.#socket!.url).searchParams.getAll('extra').map((extra) => extra.split(':'));
    const number = (name: string): number => Number(extras.find(([key]) => key === name)![1]);
    if (!extras.some(([key]) => key === 'session')) return null;
    return { afterSegment: number('after'), heardSample: number('heard'), producedSample: null };
  }

  #deliver(count: number): void {
    for (const message of this.#onItsWay.splice(0, count)) {
      this.#socket!.onmessage({ data: JSON.stringify(message) });
    }
  }
}

test('whatever is said, lost, written, killed or cut off, a client that resumes has each word once, in its order', async () => {
  const steps = fc.array(step, { maxLength: 40, size: 'max' });
  const isSilent = fc.array(fc.boolean(), { minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(steps, isSilent, fc.boolean(), async (schedule, silence, isStored) => {
      const world = new World(silence);
      for (const each of schedule) await world.take(each);
      await world.end(isStored);
      const texts = [...world.finals.values()].filter((text) => text !== '');
      expect(texts.join(' ')).toBe(world.truth);
      expect([...world.partials]).toEqual([]);
      expect(world.wrongs).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});
