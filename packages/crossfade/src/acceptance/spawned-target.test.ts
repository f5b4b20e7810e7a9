import { fileURLToPath } from 'node:url';
import { systemClock } from '@crossfade/sdk/core/clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { describe, expect, it } from 'vitest';
import { lenient, metricOf, stockDrivers, testScenarios, tinyProfile } from './acceptance.fixture.ts';
import { runAcceptance } from './run-acceptance.ts';
import { spawnTarget } from './spawned-target.ts';
import { ToneProbe } from './tone-probe.ts';

const main = fileURLToPath(new URL('./listen-server-main.fixture.ts', import.meta.url));
const command = `"${process.execPath}" --conditions=source --import=tsx "${main}" {port}`;
const spawn = (text: string) => spawnTarget(text, '/v1/listen', systemClock, seededRandom(process.pid));

describe('a command that the suite starts', () => {
  it('is killed and started again; what nobody kept is lost and not recovered', async () => {
    const target = await spawn(command);
    try {
      const report = await runAcceptance({
        target,
        drivers: stockDrivers,
        probe: new ToneProbe(),
        scenarios: testScenarios,
        profile: { ...tinyProfile, counts: { 'tiny-turn': 1, 'crash-twice': 1 } },
        seed: 2,
        caseId: 'server-crash-twice-1',
        requirement: lenient,
        suite: '0.0.0-test',
        clock: systemClock,
      });
      expect(report.trials).toMatchObject([{ process: 'server', recovered: false }]);
      expect(report.trials[0]?.failure).toContain('kept no session');
      expect(report.trials[0]?.lossMs).toBeGreaterThan(500);
      expect(metricOf(report, 'recovery-success')).toMatchObject({ result: 'failed', value: 0, n: 1 });
      expect(report.result).toBe('failed');
    } finally {
      await target.stop();
    }
  }, 30_000);

  it('that does not come back is a recovery that failed, and the run ends with a report', async () => {
    const target = await spawn(command);
    const [server] = target.processes;
    const gone = { ...server!, name: 'server', role: 'server' as const, kill: () => server!.kill() };
    const report = await runAcceptance({
      target: {
        ...target,
        processes: [{ ...gone, back: () => Promise.reject(new Error('It stays away.')) }],
      },
      drivers: stockDrivers,
      probe: new ToneProbe(),
      scenarios: testScenarios,
      profile: { ...tinyProfile, counts: { 'tiny-turn': 1, 'crash-in-speech': 2 } },
      seed: 2,
      requirement: lenient,
      suite: '0.0.0-test',
      clock: systemClock,
    });
    expect(report).toMatchObject({ result: 'failed', partial: true });
    expect(report.trials).toMatchObject([{ recovered: false, failure: 'It stays away.' }]);
  }, 30_000);

  it('that ends at once is told with its own words', async () => {
    const dies = `"${process.execPath}" -e "console.error('no model {port}'); process.exit(7)"`;
    await expect(spawn(dies)).rejects.toThrow(/ended with 7[.] It said: no model \d+/);
    await expect(spawn('true')).rejects.toThrow(/Expected --spawn to hold \{port\}/);
  });
});
