import { expect } from 'vitest';
import { openSqliteRolloutStore } from './events.ts';

/**
 * Opens what a crash left and checks it: the chain is whole, every append is there in full or not at all with its
 * notice, and nothing that was acknowledged is missing. Answers the revision that it found.
 */
export async function checkAfterCrash(
  file: string,
  stream: string,
  acknowledgedRevision: number,
): Promise<number> {
  const store = await openSqliteRolloutStore({ file });
  try {
    expect(await store.verify()).toBeNull();
    const events = await store.read({ stream, limit: 10_000 });
    expect(events.map(({ streamRevision }) => streamRevision)).toEqual(events.map((_, index) => index + 1));
    expect(events.length).toBeGreaterThanOrEqual(acknowledgedRevision);
    expect(events.length % 2).toBe(0);
    const pending = (await store.pendingOutbox({ limit: 10_000 })).map(({ id }) => id);
    const notices = pending.filter((id) => id.startsWith(`${stream}:`));
    expect(notices).toEqual(
      events.flatMap((_, index) => (index % 2 === 1 ? [`${stream}:${index + 1}`] : [])),
    );
    return events.length;
  } finally {
    await store.close();
  }
}
