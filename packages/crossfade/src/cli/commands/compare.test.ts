import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type { Comparison } from '../../controller/comparison.ts';
import type { VerdictExplanation } from '../../controller/explain-verdict.ts';
import { planDocument, sessionOf } from '../../controller/rollout.fixture.ts';
import { type ControlPlane, startControlPlane } from '../../server/control-plane.ts';
import { createMemoryRolloutStore } from '../../store/memory/events.ts';
import { createMemorySessionStore } from '../../store/memory/sessions.ts';
import { run } from '../command-io.fixture.ts';

const by = { actor: 'ana', reason: 'finals in half the time' };
const plan = { ...planDocument, stages: [{ name: 'half', share: 50, minSessionsPerHour: 0 }] };
const clock = new ManualClock();
/** Sessions mature in observed time, so looks must not be far apart; these are some until they do. */
const tickMs = 600_000;

let folder: string;
let plane: ControlPlane;

/** A control plane whose judge has looked at forty sessions of each arm, the candidate's finals late. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-compare-'));
  const sessions = createMemorySessionStore();
  plane = await startControlPlane({
    ...{ store: createMemoryRolloutStore(), sessions, dataFolder: folder, port: 0, clock, log: silentLog },
    tickMs,
  });
  const { name } = await plane.manager.apply(plan, by);
  await plane.manager.start(name, by);
  await plane.manager.waiveAcceptance(name, by);
  clock.advance(60_000);
  for (let i = 0; i < 80; i++) {
    const arm = i % 2 === 0 ? 'candidate' : 'control';
    const late = arm === 'candidate' ? { finalMs: 2_600 } : {};
    const endedAtMs = clock.nowMs();
    const record = sessionOf({ id: `s${i}`, arm, epoch: 1, rule: 'stage:half', endedAtMs, ...late });
    await sessions.saveSession(record, null, endedAtMs);
  }
  const isTaken = (): void => {
    clock.advance(tickMs);
    expect(plane.manager.status(name).receipt).not.toBeNull();
  };
  await vi.waitFor(isTaken, { timeout: 10_000, interval: 20 });
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

describe('crossfade compare and crossfade explain', () => {
  it('show both arms with difference, evidence and state, and the verdict again from the log', async () => {
    const compared = await run(['compare', 'streaming-2', '--data', folder]);
    expect(compared.code).toBe(0);
    for (const words of ['finalization latency p95', '2,6', 'bad', 'acted at 20 : 1', 'verdict fail']) {
      expect(compared.out).toContain(words);
    }
    expect(compared.out).not.toContain('\u001b');
    const json = await run(['compare', 'streaming-2', '--data', folder, '--json']);
    const { comparison } = JSON.parse(json.out.trim().split('\n').at(-1)!) as { comparison: Comparison };
    expect(comparison).toMatchObject({
      rollout: 'streaming-2',
      epoch: 1,
      sessions: { candidate: 40, control: 40 },
    });
    expect(comparison.metrics.find(({ id }) => id === 'missed-tail')).toMatchObject({
      state: 'good',
      goal: 'not-shown',
      candidate: 0,
    });

    const { out: history } = await run(['rollout', 'history', 'streaming-2', '--data', folder]);
    expect(history).toMatch(/: Verdict fail: [^(\n]*(\([^(\n]*\)[^(\n]*)*\.$/m);
    const explained = await run(['explain', 'streaming-2', '--data', folder]);
    expect(explained.code).toBe(0);
    expect(explained.out).toContain('Judged again from the log: the same.');
    const before = await run(['explain', 'streaming-2', '--data', folder, '--at', '2001-01-01', '--json']);
    expect(JSON.parse(before.out)).toEqual({ explanation: null });
    const at = new Date(clock.nowMs()).toISOString();
    const after = await run(['explain', 'streaming-2', '--data', folder, '--at', at, '--json']);
    const { explanation } = JSON.parse(after.out) as { explanation: VerdictExplanation };
    expect(explanation).toMatchObject({ replay: 'agrees', verdict: { verdict: 'fail' }, planVersion: 1 });
  });

  it('refuse a time that is none, and a rollout that is none', async () => {
    const wrong = await run(['explain', 'streaming-2', '--data', folder, '--at', 'yesterday']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('Expected --at with a time such as');
    const unknown = await run(['compare', 'nobody', '--data', folder]);
    expect(unknown.err).toContain('Expected the name of a rollout');
  });
});
