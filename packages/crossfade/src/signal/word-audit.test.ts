import { describe, expect, it } from 'vitest';
import { probeScript } from './probe-script.ts';
import { auditWords } from './word-audit.ts';

const script = probeScript({
  seed: 1,
  sampleRate: 16_000,
  utterances: 2,
  wordsPerUtterance: [4, 4],
  tailMs: 200,
});
const heardSamples = script.totalSamples;

describe('the word audit', () => {
  it('finds nothing wrong with the truth itself', () => {
    expect(auditWords(script, script.words, { heardSamples })).toEqual({
      heard: 8,
      missing: [],
      repeated: [],
      foreign: [],
      splices: [],
      samplesLost: 0,
      samplesAdded: 0,
    });
  });

  it('counts what is missing at the head, in the middle and at the tail', () => {
    const heard = script.words.map((word, i) => ({
      index: word.index,
      start: word.start - (i < 3 ? 100 : 140),
    }));
    const audit = auditWords(script, heard, { heardSamples: heardSamples - 140 - 30 });
    expect(audit.splices.map(({ lostSamples }) => lostSamples)).toEqual([100, 40]);
    expect(audit.samplesLost).toBe(170);
  });

  it('names missing, repeated and foreign words', () => {
    const [first, second, third] = script.words;
    const heard = [second!, second!, third!, { index: (first!.index + 1_000) % 65_536, start: 0 }];
    const audit = auditWords(script, heard);
    expect(audit.missing).toHaveLength(6);
    expect(audit.repeated).toEqual([second]);
    expect(audit.foreign).toHaveLength(1);
  });

  it('hears nothing as everything lost', () => {
    expect(auditWords(script, [], { heardSamples: 0 })).toMatchObject({ samplesLost: heardSamples });
    expect(auditWords(script, []).missing).toHaveLength(8);
  });

  it('takes rounding for rounding', () => {
    const heard = script.words.map((word, i) => ({ index: word.index, start: word.start + (i % 2) }));
    expect(auditWords(script, heard, { toleranceSamples: 2 }).splices).toEqual([]);
    expect(auditWords(script, heard).splices).toHaveLength(7);
  });
});
