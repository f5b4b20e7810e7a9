/** Looks into a system of ours: its journal's files, and the records its gateway stored. */
import { inspectJournal } from '../journal/journal-tools.ts';
import { nodeFs } from '../journal/journal-fs.ts';
import { afterPowerCut } from '../journal/sync-log.ts';
import type { JournaledSamples, WhiteBox } from './target.ts';

/** `folder`: of the journal. `syncLog`: where its process writes how far files were synced. */
export function journalWhiteBox(folder: string, syncLog: string): WhiteBox {
  return {
    journaled: async () => {
      // The page cache outlives a kill, and nothing but what was synced outlives a power cut.
      const killed = await inspectJournal(folder);
      const cut = await inspectJournal(folder, afterPowerCut(nodeFs, syncLog));
      const durable = new Map(cut.sessions.map(({ sessionId, endSample }) => [sessionId, endSample]));
      return new Map(
        killed.sessions.map(({ sessionId, endSample }): [string, JournaledSamples] => [
          sessionId,
          { afterKill: endSample, afterPowerCut: durable.get(sessionId) ?? 0 },
        ]),
      );
    },
  };
}
