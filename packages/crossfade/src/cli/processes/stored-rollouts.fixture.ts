import { DatabaseSync } from '@photostructure/sqlite';
import { noticesOf } from '../../controller/notices.ts';
import { eventOf } from '../../controller/read-event.ts';
import { openSqliteRolloutStore } from '../../store/sqlite/events.ts';
import type { StoredEvent } from '../../store/store.ts';

/** What a control plane left on disk. */
export interface StoredRollouts {
  /** The first record that is not what was written; null when all are. */
  readonly damage: object | null;
  readonly events: readonly StoredEvent[];
  /** Ids of all notices that ever were to leave, sent ones too, sorted. */
  readonly notices: readonly string[];
}

export async function storedRollouts(file: string): Promise<StoredRollouts> {
  const store = await openSqliteRolloutStore({ file });
  const damage = await store.verify();
  const events: StoredEvent[] = [];
  for (let page = await store.read(); page.length > 0; page = await store.read({ after: events.length }))
    events.push(...page);
  await store.close();
  const database = new DatabaseSync(file);
  const rows = database.prepare('SELECT id FROM outbox ORDER BY position').all() as { id: string }[];
  database.close();
  return { damage, events, notices: rows.map(({ id }) => id).toSorted() };
}

/** Ids of the notices that these events cause, each once, sorted. */
export function noticesWanted(events: readonly StoredEvent[]): readonly string[] {
  const rollouts = new Set(events.map(({ stream }) => stream));
  return [...rollouts]
    .flatMap((name) => {
      const own = events.filter(({ stream }) => stream === name).map(eventOf);
      return noticesOf(null, own).map(({ id }) => id);
    })
    .toSorted();
}
