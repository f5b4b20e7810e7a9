/**
 * A process of its own that appends to a rollout store until it is killed. After each append it says so on stdout:
 * what was said must be there afterwards. Each append is two events and one notice, all or nothing.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '@crossfade/sdk/core/clock';
import { openSqliteRolloutStore } from './events.ts';

const [, , file = '', stream = 'a'] = process.argv;
const store = await openSqliteRolloutStore({ file, clock: systemClock });
let revision = (await store.read({ stream, limit: 10_000 })).at(-1)?.streamRevision ?? 0;
for (;;) {
  const events = [1, 2].map((n) => ({ type: 'judged', payload: JSON.stringify({ revision: revision + n }) }));
  const notice = { id: `${stream}:${revision + 2}`, kind: 'paused', target: 'log', payload: '{}' };
  await store.append(stream, revision, events, [notice], systemClock.nowMs());
  revision += 2;
  // Synchronous, so that no acknowledgement is lost in a buffer of the process that dies.
  writeSync(1, `${revision}\n`);
}
