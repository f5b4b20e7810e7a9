import { msToSamples } from '@crossfade/sdk/core/units';
import type { ProbeScript, ProbeWord } from '../signal/probe-script.ts';
import { auditWords, type WordAudit } from '../signal/word-audit.ts';
import { wordIndex } from '../signal/word-text.ts';
import type { SaidText } from './driver.ts';

/** Word times travel as seconds, some servers round them to milliseconds: a jump up to this is none. */
const roundingMs = 1;
/** A recognizer may place one word so far off: a jump up to this that the next words take back is none. */
const misplacedMs = 5;

/** What the words of the finals prove of the audio that was offered. Samples of the session. */
export interface ProvenCapture {
  /** Probe words of this session that came back. */
  readonly heardWords: number;
  /** Words that were said whole. */
  readonly saidWords: number;
  /** Samples of `[0, offered)` that no word proves to have been captured. */
  readonly lostSamples: number;
  /** Where they are; a splice is drawn before the word that follows it. */
  readonly lostRanges: readonly { readonly start: number; readonly end: number }[];
  /** End of the last word that came back; 0 when none did. */
  readonly provenEnd: number;
  /** Words shown more than once. */
  readonly repeatedWords: number;
  /** Probe words that this session never said. */
  readonly foreignWords: number;
  readonly missingWords: readonly { readonly start: number; readonly end: number }[];
}

/**
 * Decodes positions from the words of the finals. A stretch between two neighbours that both came back at the right
 * distance is proven; where the heard audio jumps, the length of the jump is lost; a run of words that did not come back
 * and left no jump is lost from its first sample to its last. `offered`: what was said when the session ended.
 */
export function provenCapture(
  script: ProbeScript,
  finals: readonly SaidText[],
  offered: number,
): ProvenCapture {
  const words = finals
    .flatMap((final) => final.words)
    .map((word) => ({ ...word, index: wordIndex(word.text.toLowerCase()) }));
  // Finals may come out of order; their places do not.
  const heard = words
    .filter((word): word is typeof word & { index: number } => word.index !== null)
    .sort((a, b) => a.start - b.start);
  const audit = auditWords(script, heard, {
    toleranceSamples: msToSamples(roundingMs, script.sampleRate),
  });
  const missing = audit.missing.filter((word) => word.start < offered);
  const runs = runsOf(script.words, missing, offered);
  const lost = runs.map(({ start, end }) => ({ start, end }));
  for (const { before, lostSamples } of lastingSplices(audit.splices, script.sampleRate)) {
    if (lostSamples <= 0) continue;
    const neighbour = script.words[script.words.indexOf(before) - 1];
    const run = lost.find(({ end }) => end === neighbour?.end);
    // Where audio is cut, the length of the jump is what is gone; the word around the cut is only not to be read.
    if (run !== undefined) lost.splice(lost.indexOf(run), 1);
    lost.push({ start: before.start - lostSamples, end: before.start });
  }
  const lostRanges = lost.map(({ start, end }) => ({ start: Math.max(0, start), end }));
  const heardIndexes = new Set(heard.map(({ index }) => index));
  return {
    heardWords: audit.heard - audit.foreign.length - audit.repeated.length,
    saidWords: script.words.filter((word) => word.end <= offered).length,
    lostSamples: Math.min(
      offered,
      lost.reduce((sum, { start, end }) => sum + end - start, 0),
    ),
    lostRanges: lostRanges.sort((a, b) => a.start - b.start),
    provenEnd: script.words.findLast(({ index }) => heardIndexes.has(index))?.end ?? 0,
    repeatedWords: audit.repeated.length,
    foreignWords: audit.foreign.length,
    missingWords: missing,
  };
}

/** Jumps without those of one misplaced word: a little off, and back at the next jump. */
function lastingSplices(splices: WordAudit['splices'], sampleRate: number): WordAudit['splices'] {
  const small = msToSamples(misplacedMs, sampleRate);
  const rounding = msToSamples(roundingMs, sampleRate);
  const lasting: WordAudit['splices'][number][] = [];
  for (const splice of splices) {
    const last = lasting.at(-1);
    const isBack =
      last !== undefined &&
      Math.abs(last.lostSamples) <= small &&
      Math.abs(last.lostSamples + splice.lostSamples) <= rounding;
    if (isBack) lasting.pop();
    else lasting.push(splice);
  }
  return lasting;
}

/** Missing words that stand side by side, as one range each, cut at `offered`. */
function runsOf(
  words: readonly ProbeWord[],
  missing: readonly ProbeWord[],
  offered: number,
): { start: number; end: number }[] {
  const isMissing = new Set(missing);
  const runs: { start: number; end: number }[] = [];
  let open = false;
  for (const word of words) {
    if (!isMissing.has(word)) {
      open = false;
      continue;
    }
    const end = Math.min(word.end, offered);
    if (open) runs.at(-1)!.end = end;
    else runs.push({ start: word.start, end });
    open = true;
  }
  return runs;
}
