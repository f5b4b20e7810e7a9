import { describe, expect, it } from 'vitest';
import type { Journal, JournaledSession } from '../../journal/journal.ts';
import { nodeFs } from '../../journal/journal-fs.ts';
import {
  defectiveFs,
  defectiveJournal,
  type GatewayDefect,
  journalTimes,
  repeatsOf,
} from './gateway-defects.ts';

const defect = (name: GatewayDefect['name'], share = 1): GatewayDefect => ({ name, seed: 1, share, ms: 700 });
const audio = new Uint8Array([1, 2, 3, 4]);
const journalOf = (ids: readonly string[]): Journal =>
  ({
    unfinished: () => ids.map((sessionId) => ({ sessionId }) as JournaledSession),
    async *readAudio() {
      yield { startSample: 0, bytes: audio };
    },
    durableSample: () => 7,
  }) as unknown as Journal;
const firstBytes = async (journal: Journal, id: string): Promise<readonly number[]> => {
  for await (const { bytes } of journal.readAudio(id, 0, 2)) return [...bytes];
  return [];
};

describe('a fault of the gateway on purpose', () => {
  it('changes nothing where there is none', () => {
    const journal = journalOf(['a']);
    expect(journalTimes(undefined)).toEqual({});
    expect(defectiveFs(nodeFs, undefined)).toBe(nodeFs);
    expect(defectiveJournal(journal, undefined)).toBe(journal);
    expect(repeatsOf(undefined)).toEqual({});
  });

  it('holds the journal back, or syncs it rarely or never', async () => {
    expect(journalTimes(defect('held-journal'))).toEqual({ writeDelayMs: 700, commitIntervalMs: 700 });
    expect(journalTimes(defect('rare-sync'))).toEqual({ commitIntervalMs: 700 });
    // A descriptor that is not open: the real disk would refuse.
    await expect(defectiveFs(nodeFs, defect('no-sync')).datasync(-1)).resolves.toBeUndefined();
  });

  it('replays silence of what a restart found, and of nothing else', async () => {
    const journal = defectiveJournal(journalOf(['a']), defect('lost-replay'));
    expect(await firstBytes(journal, 'a')).toEqual([0, 0, 0, 0]);
    expect(await firstBytes(journal, 'b')).toEqual([...audio]);
    expect(journal.durableSample('a')).toBe(7);
    const spared = journalOf(['a']);
    expect(defectiveJournal(spared, defect('lost-replay', 0))).toBe(spared);
    const empty = journalOf([]);
    expect(defectiveJournal(empty, defect('lost-replay'))).toBe(empty);
  });

  it('shows entries again, its share of them', () => {
    const { repeats } = repeatsOf(defect('repeated-entries', 0.5));
    const shown = Array.from({ length: 1_000 }, () => repeats?.()).filter((again) => again).length;
    expect(shown).toBeGreaterThan(430);
    expect(shown).toBeLessThan(570);
  });
});
