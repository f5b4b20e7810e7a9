import { describe, expect, test } from 'vitest';
import { ToneGrid } from '../../signal/tone-grid.ts';
import type { ProbeWord } from '../../signal/probe-script.ts';
import type { Entry, SessionRecord } from '../../transcript/session-record.ts';
import { auditSession, type StoredSession } from './audit-session.ts';
import { drillSampleRate, type PlannedSession, plannedSession } from './drill-speech.ts';
import { SpokenSession } from './spoken-session.ts';

const grid = new ToneGrid(drillSampleRate);
const planned: PlannedSession = plannedSession(1, 0, 0, grid);
const { words, totalSamples } = planned.script;

/** One entry for each word; they tile the audio. */
function entriesOf(said: readonly ProbeWord[]): Entry[] {
  return said.map(({ text, start, end }, index) => ({
    segmentId: `s${index}`,
    start: said[index - 1]?.end ?? 0,
    end,
    text,
    words: [{ text, start, end, confidence: 1 }],
    upstream: 'x',
  }));
}

function storedOf(entries: readonly Entry[], received: number, user: object = {}): StoredSession {
  const ledger = {
    samplesOffered: received,
    samplesCovered: received,
    orphans: 0,
    duplicateEntries: 0,
    ...user,
  };
  return { entries, record: { user: ledger } as unknown as SessionRecord };
}

/** A session whose client got all of `heard`. */
function spoken(heard: readonly ProbeWord[], spokenSamples = totalSamples): SpokenSession {
  const session = new SpokenSession(planned);
  session.sessionId = 'id';
  session.spokenSamples = spokenSamples;
  session.isComplete = true;
  const toSeconds = (sample: number): number => sample / drillSampleRate;
  for (const { start, end, text } of entriesOf(heard)) {
    const said = heard.find((word) => word.text === text)!;
    const timed = { word: text, start: toSeconds(said.start), end: toSeconds(said.end) };
    session.heard({ isFinal: true, start: toSeconds(start), end: toSeconds(end), text, words: [timed] });
  }
  return session;
}

/** A stock session that was cut off after the gateway had `received`. */
function broken(spokenSamples: number): SpokenSession {
  const session = spoken([], spokenSamples);
  session.isComplete = false;
  session.isBroken = true;
  return session;
}

const clean = { samplesLost: 0, samplesOverlapped: 0, orphans: 0, duplicates: 0, problems: [] };

describe('a session that was never cut off', () => {
  test('is whole when every word is there once, for the gateway and for the client', () => {
    expect(auditSession(spoken(words), storedOf(entriesOf(words), totalSamples))).toMatchObject(clean);
  });

  test('lost what the client never got, though the gateway has it', () => {
    const missed = spoken(words.toSpliced(3, 1));
    const { samplesLost, problems } = auditSession(missed, storedOf(entriesOf(words), totalSamples));
    expect(samplesLost).toBeGreaterThan(0);
    expect(problems.join()).toContain('the client lost');
  });

  test('lost what the gateway has no word of', () => {
    const audit = auditSession(spoken(words), storedOf(entriesOf(words.toSpliced(3, 1)), totalSamples));
    expect(audit.samplesLost).toBe(words[3]!.end - words[3]!.start);
    expect(audit.problems.join()).toContain(`missing words: ${words[3]!.text}`);
  });

  test('lost what the gateway never received', () => {
    const short = totalSamples - 1_600;
    expect(auditSession(spoken(words), storedOf(entriesOf(words), short)).samplesLost).toBe(1_600);
  });

  test('has an overlap when a word came twice', () => {
    const twice = entriesOf([...words.slice(0, 4), words[3]!, ...words.slice(4)]);
    expect(auditSession(spoken(words), storedOf(twice, totalSamples)).samplesOverlapped).toBeGreaterThan(0);
  });

  test('shows audio that was cut out by the place of every word after it', () => {
    const moved = words.map((word, index) =>
      index < 3 ? word : { ...word, start: word.start - 40, end: word.end - 40 },
    );
    const { samplesLost, problems } = auditSession(spoken(words), storedOf(entriesOf(moved), totalSamples));
    expect(samplesLost).toBe(40);
    expect(problems.join()).toContain('40 samples are cut out');
  });

  test('forgives no sample by which one word stands off its place', () => {
    const off = (samples: number): Entry[] =>
      entriesOf(words.map((word, index) => (index === 3 ? { ...word, start: word.start - samples } : word)));
    for (const samples of [2, 64, 160])
      expect(auditSession(spoken(words), storedOf(off(samples), totalSamples)).samplesLost).toBe(samples);
  });

  test('counts the orphans and duplicates of its record', () => {
    const audit = auditSession(
      spoken(words),
      storedOf(entriesOf(words), totalSamples, { orphans: 1, duplicateEntries: 2 }),
    );
    expect(audit).toMatchObject({ orphans: 1, duplicates: 2 });
  });

  test('is lost as a whole without a record', () => {
    expect(auditSession(spoken(words), null).samplesLost).toBe(totalSamples);
  });
});

describe('a stock session that was cut off', () => {
  const received = words[3]!.end + 100;
  const kept = entriesOf(words.slice(0, 4));

  test('owes what the gateway received and nothing more', () => {
    expect(auditSession(broken(received), storedOf(kept, received))).toMatchObject(clean);
    const audit = auditSession(broken(received), storedOf(kept.slice(0, 3), received));
    expect(audit.samplesLost).toBe(words[3]!.end - words[3]!.start);
  });

  test('may lose what SIGKILL took before it was written, up to a second', () => {
    const onTheWay = (ms: number): number => received + (ms * drillSampleRate * planned.pace) / 1_000;
    expect(auditSession(broken(onTheWay(50)), storedOf(kept, received))).toMatchObject({
      ...clean,
      unwrittenMs: 50,
    });
    expect(auditSession(broken(onTheWay(1_500)), storedOf(kept, received)).samplesLost).toBeGreaterThan(0);
    expect(auditSession(broken(800), null)).toMatchObject(clean);
    expect(auditSession(broken(onTheWay(1_500)), null).samplesLost).toBeGreaterThan(0);
  });
});
