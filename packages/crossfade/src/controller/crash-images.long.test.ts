import { afterAll, expect, test } from 'vitest';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import { StoreFolder } from '../store/sqlite/store-folder.fixture.ts';
import { crashImages, reopened } from './crash-images.fixture.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

// Images are written and read, never synced by us: a disk would only be waited for.
const folder = new StoreFolder({ inMemory: true });
afterAll(() => folder.remove());

/** A longer campaign sets these; a failure names its seed. */
const seeds = Number(process.env['CROSSFADE_CRASH_SEEDS'] ?? 6);
const firstSeed = Number(process.env['CROSSFADE_SEED'] ?? 1);
const stepsPerSeed = 40;

test(`every crash image of random commands stands where a step left it: ${seeds} seeds from ${firstSeed}`, async () => {
  let images = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const campaign = await crashImages(seed, stepsPerSeed, () => folder.newFile());
    expect(campaign.writes).toBeGreaterThan(stepsPerSeed / 4);
    images += campaign.images;
  }
  expect(images).toBeGreaterThanOrEqual(seeds * 170);
});

test('the check can fail: an image from before a step does not stand where the step left the rollouts', async () => {
  const file = folder.newFile();
  const store = await openSqliteRolloutStore({ file });
  const manager = await RolloutManager.open({ store });
  const by = { actor: 'ana', reason: 'to be lost' };
  await manager.apply(planDocument, by);
  const before = await reopened(file);
  await manager.start(planDocument.name, by);
  const after = await reopened(file);
  expect(after).toMatchObject({ sequence: before.sequence + 1 });
  expect(after.told).not.toBe(before.told);
  await store.close();
});
