/** Faults that a gateway may be given on purpose, to see that the acceptance suite finds them. None in production. */
import { type Random, seededRandom } from '@crossfade/sdk/core/random';
import type { Journal, JournaledSession } from '../../journal/journal.ts';
import type { JournalFs } from '../../journal/journal-fs.ts';

/**
 * `held-journal`: audio stays in memory for `ms` before it is written. `no-sync`: nothing is ever synced.
 * `rare-sync`: it is synced every `ms` only. `lost-replay`: after a `share` of its restarts a gateway replays silence in
 * place of what it had. `repeated-entries`: a client that resumes is shown a `share` of its entries once more.
 */
export const gatewayDefectNames = [
  'held-journal',
  'no-sync',
  'rare-sync',
  'lost-replay',
  'repeated-entries',
] as const;

export interface GatewayDefect {
  readonly name: (typeof gatewayDefectNames)[number];
  readonly seed: number;
  readonly share: number;
  readonly ms: number;
}

/** How the journal writes with the defect; nothing without one. */
export function journalTimes(defect: GatewayDefect | undefined): {
  readonly writeDelayMs?: number;
  readonly commitIntervalMs?: number;
} {
  if (defect?.name === 'held-journal') return { writeDelayMs: defect.ms, commitIntervalMs: defect.ms };
  return defect?.name === 'rare-sync' ? { commitIntervalMs: defect.ms } : {};
}

/** The disk with the defect. */
export function defectiveFs(disk: JournalFs, defect: GatewayDefect | undefined): JournalFs {
  if (defect?.name !== 'no-sync') return disk;
  const nothing = (): Promise<void> => Promise.resolve();
  return { ...disk, datasync: nothing, syncFolder: nothing };
}

/** The journal with the defect. */
export function defectiveJournal(journal: Journal, defect: GatewayDefect | undefined): Journal {
  if (defect?.name !== 'lost-replay') return journal;
  const restored = journal.unfinished();
  if (restored.length === 0 || randomOf(defect, restored).next() >= defect.share) return journal;
  const lost = new Set(restored.map(({ sessionId }) => sessionId));
  return new Proxy(journal, {
    get: (target, name) => {
      if (name === 'readAudio') {
        return async function* (sessionId: string, start: number, end: number) {
          for await (const run of target.readAudio(sessionId, start, end)) {
            yield lost.has(sessionId) ? { ...run, bytes: new Uint8Array(run.bytes.length) } : run;
          }
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/** Which entries are shown once more to a client that resumed; nothing without the defect. */
export function repeatsOf(defect: GatewayDefect | undefined): { readonly repeats?: () => boolean } {
  if (defect?.name !== 'repeated-entries') return {};
  const random = seededRandom(defect.seed);
  return { repeats: () => random.next() < defect.share };
}

/** Of this very restart: another one draws anew. */
function randomOf({ seed }: GatewayDefect, restored: readonly JournaledSession[]): Random {
  const text = restored.map(({ sessionId }) => sessionId).join();
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return seededRandom(hash >>> 0);
}
