import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteRolloutStore, RolloutManager } from '@crossfade/server';

const folder = await mkdtemp(join(tmpdir(), 'rollouts-'));
const store = await openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') });
const rollouts = await RolloutManager.open({ store });
const because = (reason: string) => ({ actor: 'ana', reason });
const plan = (share: number) => ({
  name: 'streaming',
  control: { upstream: 'legacy' },
  candidate: { upstream: 'streaming', build: 'sha256:9f2c1d7e' },
  stages: [{ name: 'canary', share }],
  acceptance: 'waiver',
});

await rollouts.apply(plan(10), because('finals in half the time'));
await rollouts.start('streaming', because('the build is deployed'));
await rollouts.waiveAcceptance('streaming', because('tested by hand'));
console.log(rollouts.decide('transcription', { targetingKey: 'user-7' }).value);
await rollouts.revise('streaming', plan(50), because('all is well'));
await rollouts.rollback('streaming', because('an echo in calls'));
for (const { text, reason } of await rollouts.history('streaming')) console.log(`${text} (${reason})`);

await rollouts.close();
await store.close();
await rm(folder, { recursive: true });
