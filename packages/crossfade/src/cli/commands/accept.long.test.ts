import { describe, expect, it } from 'vitest';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import { run } from '../command-io.fixture.ts';

async function accept(...words: string[]): Promise<{ report: AcceptanceReport; code: number }> {
  const { out, code } = await run(['accept', '--profile', 'smoke', '--json', ...words]);
  return { report: JSON.parse(out.split('\n').at(-1) as string) as AcceptanceReport, code };
}

function resultsOf({ metrics }: AcceptanceReport): Record<string, string> {
  return Object.fromEntries(metrics.map(({ id, result }) => [id, result]));
}

describe('the reference pipelines under the smoke profile', () => {
  it('legacy, direct, fails on tail, recovery and durability', async () => {
    const { report, code } = await accept('--pipeline', 'legacy');
    expect(resultsOf(report)).toMatchObject({
      'missed-tail': 'failed',
      'recovery-success': 'failed',
      'durability-loss': 'failed',
    });
    expect({ code, system: report.system, partial: report.partial }).toEqual({
      code: 1,
      system: 'direct',
      partial: false,
    });
    expect(report.run.tookMs).toBeLessThan(90_000);
  });

  it('streaming, behind the gateway, fails on nothing, although its processes are killed', async () => {
    const { report, code } = await accept('--pipeline', 'streaming', '--behind-gateway');
    expect(report.trials.filter(({ recovered }) => !recovered)).toEqual([]);
    expect(Object.values(resultsOf(report))).not.toContain('failed');
    expect({ code, system: report.system, trials: report.trials.length }).toEqual({
      code: 0,
      system: 'behind-gateway',
      trials: 6,
    });
    // What the gateway's records say, each session once.
    const { sessions } = report.run;
    const { build } = report.target;
    expect(report.servedBy).toEqual([{ upstream: 'streaming-through-proxy', build, sessions, tookOver: 0 }]);
  });
});
