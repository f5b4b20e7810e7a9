import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@crossfade/sdk/core/clock';
import { DeepgramDriver } from '../../acceptance/deepgram-driver.ts';
import type { Profile } from '../../acceptance/profile.ts';
import { reportHtml } from '../../acceptance/report-html.ts';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import { runAcceptance } from '../../acceptance/run-acceptance.ts';
import { ownScenarios } from '../../acceptance/scenario-files.ts';
import { remoteTarget } from '../../acceptance/target.ts';
import { ToneProbe } from '../../acceptance/tone-probe.ts';
import { version } from '../version.ts';

/** Enough to certify latency and to see a cut tail, in a quarter of a minute, before anybody speaks. */
const profile: Profile = {
  name: 'demo',
  limitMs: 60_000,
  lanes: 30,
  replicas: 1,
  counts: { 'steady-talk': 10, 'short-turns': 70 },
};

/** Why the demo goes on without two metrics; it stands in the log of its rollout. */
const reason = 'the demo kills nothing here; crossfade drill and crossfade accept --behind-gateway do';

export interface DemoAcceptance {
  readonly report: AcceptanceReport;
  /** The page for people; it stays when the demo is over. */
  readonly htmlPath: string;
}

/** The short form of `crossfade accept` on one pipeline, on probe tones, past the gateway: its own work is judged. */
export async function acceptPipeline(
  name: string,
  url: string,
  options: { readonly seed: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<DemoAcceptance> {
  const listenUrl = `${url.replace(/^http/, 'ws')}/v1/listen`;
  const report = await runAcceptance({
    target: { ...remoteTarget(listenUrl), name: `the pipeline ${name} of the demo` },
    drivers: { stock: (address) => new DeepgramDriver({ url: address, model: 'tone' }) },
    probe: new ToneProbe(),
    scenarios: await ownScenarios(),
    profile,
    requirement: {
      level: 'within-limits',
      levels: {},
      waivers: [
        { metric: 'recovery-success', reason },
        { metric: 'durability-loss', reason },
      ],
    },
    suite: version,
    ...options,
  });
  const htmlPath = join(await mkdtemp(join(tmpdir(), 'crossfade-acceptance-')), 'report.html');
  await writeFile(htmlPath, reportHtml(report));
  return { report, htmlPath };
}
