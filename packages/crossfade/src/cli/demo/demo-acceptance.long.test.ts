import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { describe, expect, it } from 'vitest';
import { RolloutManager } from '../../controller/rollout-manager.ts';
import { tonePipeline } from '../../pipelines/listen-client.fixture.ts';
import { createMemoryRolloutStore } from '../../store/memory/events.ts';
import { acceptPipeline } from './demo-acceptance.ts';

const by = { actor: 'demo', reason: 'a new build' };
const plan = readFileSync(new URL('../../../../../examples/demo-streaming.yaml', import.meta.url), 'utf8');

describe('the acceptance run of the demo', () => {
  it('proves the good build and opens its first stage; the same report opens no other build', async () => {
    const pipeline = await tonePipeline({ build: 'streaming-1' });
    const options = { seed: 1, clock: systemClock, signal: new AbortController().signal };
    const url = `http://127.0.0.1:${pipeline.port}`;
    // A run whose own sender was late says nothing; it is made again.
    let accepted = await acceptPipeline('streaming', url, options);
    for (let again = 0; again < 3 && accepted.report.run.senderWasLate; again++) {
      rmSync(dirname(accepted.htmlPath), { recursive: true, force: true });
      accepted = await acceptPipeline('streaming', url, options);
    }
    const { report, htmlPath } = accepted;
    await pipeline.close();
    try {
      expect(report, JSON.stringify(report.run.senderLateMs)).toMatchObject({
        result: 'passed',
        target: { build: 'streaming-1' },
      });
      expect(report.run.tookMs).toBeLessThan(40_000);
      expect(readFileSync(htmlPath, 'utf8')).toContain('the pipeline streaming of the demo');

      const manager = await RolloutManager.open({ store: createMemoryRolloutStore() });
      await manager.apply(plan, by);
      await manager.start('streaming', by);
      const status = await manager.accept('streaming', report, by);
      expect(status).toMatchObject({ state: 'running', stage: { name: 'internal' } });
      expect(status.acceptance?.waivers.map(({ gates }) => gates)).toEqual([
        ['recovery-success'],
        ['durability-loss'],
      ]);
      const other = plan.replace('name: streaming', 'name: other').replace('build: streaming-1', 'build: x');
      await manager.apply(other.replace('flag: transcription', 'flag: another'), by);
      await manager.start('other', by);
      await expect(manager.accept('other', report, by)).rejects.toThrow(/got that of streaming-1/);
    } finally {
      rmSync(dirname(htmlPath), { recursive: true, force: true });
    }
    expect(existsSync(htmlPath)).toBe(false);
  });
});
