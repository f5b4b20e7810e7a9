import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { expect, test } from 'vitest';
import { planOf } from './drill-plan.ts';
import { runDrill } from './run-drill.ts';

test('a system that is killed, cut and stopped under live sessions loses no sample', async () => {
  const lines: string[] = [];
  const report = await runDrill({
    profile: 'test',
    plan: planOf(11, ['kill-gateway', 'reset', 'kill-pipeline', 'kill-gateway-recovering'], 6),
    limitMs: 25_000,
    clock: systemClock,
    random: systemRandom,
    keep: false,
    tell: (line) => lines.push(line),
    signal: new AbortController().signal,
  });

  expect(report, lines.join('\n')).toMatchObject({
    ok: true,
    samplesLost: 0,
    samplesOverlapped: 0,
    orphans: 0,
    duplicates: 0,
    recordsNotOnce: 0,
    failing: [],
  });
  // The faults did happen, to sessions of both clients.
  expect(report.gatewayKills).toBeGreaterThan(0);
  expect(report.sessions.brokenStock).toBeGreaterThan(0);
  expect(report.sessions.resuming).toBeGreaterThan(0);
}, 120_000);
