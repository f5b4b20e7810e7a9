/** Holds one session against the truth: what was said, what the gateway has, what the client got. Pure. */
import { auditWords } from '../../signal/word-audit.ts';
import { wordIndex } from '../../signal/word-text.ts';
import type { Entry, EntryWord, SessionRecord } from '../../transcript/session-record.ts';
import { drillSampleRate } from './drill-speech.ts';
import type { SpokenSession } from './spoken-session.ts';
import type { ProbeScript } from '../../signal/probe-script.ts';

/** What must be zero. */
export interface Wrongs {
  readonly samplesLost: number;
  readonly samplesOverlapped: number;
  readonly orphans: number;
  readonly duplicates: number;
}

export interface SessionAudit extends Wrongs {
  /** Of samples that the gateway received. */
  readonly samplesAudited: number;
  /**
   * Audio that a stock client had sent and that a killed gateway had not written yet: as much of its own time as it
   * took to say it, ms. The only loss there may be, and never of a client that resumes.
   */
  readonly unwrittenMs: number;
  /** What is wrong, in words; empty when nothing is. */
  readonly problems: readonly string[];
}

/** What the gateway holds of a session that is over. */
export interface StoredSession {
  readonly entries: readonly Entry[];
  readonly record: SessionRecord;
}

/** Audio that may not have reached the journal when SIGKILL came, ms: DOMAIN.md §4, metric 7. */
const unwrittenMsMax = 1_000;

export function auditSession(session: SpokenSession, stored: StoredSession | null): SessionAudit {
  const { spokenSamples, planned, isBroken } = session;
  if (stored === null) return auditMissing(session);
  const { record, entries } = stored;
  const received = record.user.samplesOffered;
  const problems: string[] = [];
  if (session.failure !== null) problems.push(session.failure);
  const kept = auditTranscript(
    planned.script,
    entries.flatMap(({ words }) => words),
    received,
  );
  const overlapped = overlapOf(entries);
  const wrongs = {
    samplesLost: kept.lost + Math.max(0, received - record.user.samplesCovered),
    samplesOverlapped: kept.repeated + overlapped,
    orphans: record.user.orphans,
    duplicates: record.user.duplicateEntries,
  };
  const seen = isBroken ? { ...none, problems: [] } : auditClient(session, received);
  const unwrittenMs = isBroken ? unwrittenOf(session, received) : 0;
  if (unwrittenMs > unwrittenMsMax)
    problems.push(`${Math.round(unwrittenMs)} ms were not written when it was killed`);
  const lostUnwritten = unwrittenMs > unwrittenMsMax ? spokenSamples - received : 0;
  const total: Wrongs = {
    samplesLost: Math.max(wrongs.samplesLost, seen.samplesLost, lostUnwritten),
    samplesOverlapped: Math.max(wrongs.samplesOverlapped, seen.samplesOverlapped),
    orphans: Math.max(wrongs.orphans, seen.orphans),
    duplicates: Math.max(wrongs.duplicates, seen.duplicates),
  };
  problems.push(
    ...describe('the gateway', wrongs),
    ...kept.problems,
    ...describe('the client', seen),
    ...seen.problems,
  );
  return { ...total, samplesAudited: received, unwrittenMs, problems };
}

const none: Wrongs = { samplesLost: 0, samplesOverlapped: 0, orphans: 0, duplicates: 0 };

/** No record: fine only where the gateway had no audio to make one of. */
function auditMissing(session: SpokenSession): SessionAudit {
  const { spokenSamples, sessionId, isBroken, wasRefused } = session;
  const unwrittenMs = unwrittenOf(session, 0);
  const isExcused = isBroken && (sessionId === null || wasRefused || unwrittenMs <= unwrittenMsMax);
  if (isExcused && session.failure === null) {
    return { ...none, samplesAudited: 0, unwrittenMs: wasRefused ? 0 : unwrittenMs, problems: [] };
  }
  const problems = [
    session.failure ?? `the gateway has no record of it (${spokenSamples} samples were sent)`,
  ];
  return { ...none, samplesLost: spokenSamples, samplesAudited: 0, unwrittenMs: 0, problems };
}

/** What a client got that was never cut off: everything, once. */
function auditClient(
  session: SpokenSession,
  received: number,
): Wrongs & { readonly problems: readonly string[] } {
  const { script } = session.planned;
  const { lost, repeated, problems } = auditTranscript(script, session.words, script.totalSamples);
  const shown = session.shown();
  const notReceived = script.totalSamples - received;
  // A client that resumes is sent the finals it missed, but for those of silence: words tell what it has.
  const uncovered = session.planned.client === 'resuming' ? 0 : shown.uncovered;
  return {
    samplesLost: Math.max(lost, uncovered, notReceived),
    samplesOverlapped: repeated,
    orphans: shown.orphans,
    duplicates: shown.duplicates,
    problems,
  };
}

/** In the client's own time: a session that speaks three times as fast has three times as much on its way. */
function unwrittenOf({ spokenSamples, planned, wasRefused }: SpokenSession, received: number): number {
  if (wasRefused) return 0;
  return (Math.max(0, spokenSamples - received) * 1_000) / drillSampleRate / planned.pace;
}

interface TranscriptAudit {
  readonly lost: number;
  readonly repeated: number;
  readonly problems: readonly string[];
}

/** Every word that was received whole must be there once, in its place. */
function auditTranscript(
  script: ProbeScript,
  words: readonly EntryWord[],
  received: number,
): TranscriptAudit {
  const said = new Map(script.words.map((word) => [word.index, word]));
  const heard = words.map(({ text, start, end }) => {
    const index = wordIndex(text) ?? -1;
    const truth = said.get(index);
    // A final may begin in a word that was being said; the word then begins with the final.
    const isCut = truth !== undefined && truth.start < start && start < truth.end && end === truth.end;
    return { index, start: isCut ? truth.start : start };
  });
  // What was cut off in mid-word may be heard as anything, or not at all.
  const wholeEnd = script.words.findLast(({ end }) => end <= received)?.end ?? 0;
  const audit = auditWords(
    script,
    heard.filter(({ start }) => start < wholeEnd),
  );
  const missing = audit.missing.filter(({ end }) => end <= received);
  const wordSamples = (script.words[0]?.end ?? 0) - (script.words[0]?.start ?? 0);
  const problems = [
    ...(missing.length > 0
      ? [`missing words: ${missing.map(({ text, start }) => `${text}@${start}`).join(' ')}`]
      : []),
    ...(audit.foreign.length > 0
      ? [`wrong words at ${audit.foreign.map(({ start }) => start).join(', ')}`]
      : []),
    ...audit.splices.map(
      ({ before, lostSamples }) => `${lostSamples} samples are cut out before ${before.start}`,
    ),
  ];
  return {
    lost: missing.reduce((sum, { start, end }) => sum + end - start, 0) + audit.samplesLost,
    repeated: (audit.repeated.length + audit.foreign.length) * wordSamples + audit.samplesAdded,
    problems,
  };
}

/** Samples that stand in two entries. */
function overlapOf(entries: readonly Entry[]): number {
  const sorted = [...entries].sort((a, b) => a.start - b.start);
  return sorted.reduce(
    (sum, entry, index) => sum + Math.max(0, (sorted[index - 1]?.end ?? 0) - entry.start),
    0,
  );
}

function describe(
  who: string,
  { samplesLost, samplesOverlapped, orphans, duplicates }: Wrongs,
): readonly string[] {
  return [
    ...(samplesLost > 0 ? [`${who} lost ${samplesLost} samples`] : []),
    ...(samplesOverlapped > 0 ? [`${who} has ${samplesOverlapped} samples twice`] : []),
    ...(orphans > 0 ? [`${who} has ${orphans} orphans`] : []),
    ...(duplicates > 0 ? [`${who} has ${duplicates} duplicates`] : []),
  ];
}
