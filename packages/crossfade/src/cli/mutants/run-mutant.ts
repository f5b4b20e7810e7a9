import { systemClock } from '@crossfade/sdk/core/clock';
import { DeepgramDriver } from '../../acceptance/deepgram-driver.ts';
import type { AcceptanceMetricId } from '../../acceptance/metric-ids.ts';
import { ResumingDriver } from '../../acceptance/resuming-driver.ts';
import { runAcceptance } from '../../acceptance/run-acceptance.ts';
import { ToneProbe } from '../../acceptance/tone-probe.ts';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import { version } from '../version.ts';
import { startMutant } from './mutant-target.ts';
import { type Dose, type Mutant, mutantScenarios } from './mutants.ts';

/** What the suite said of one build with one seed. */
export interface MutantRun {
  readonly mutant: string;
  readonly dose: Dose;
  readonly seed: number;
  readonly failed: readonly AcceptanceMetricId[];
  readonly inconclusive: readonly AcceptanceMetricId[];
  /** Why the run says nothing; null: it does. */
  readonly problem: string | null;
  readonly values: Readonly<Record<string, number | null>>;
  readonly tookMs: number;
}

const limitMs = 240_000;

/** Runs the suite against a mutant. */
export async function runMutant(mutant: Mutant, dose: Dose, seed: number): Promise<MutantRun> {
  const target = await startMutant(mutant, dose, seed);
  try {
    const report = await runAcceptance({
      target,
      drivers: {
        stock: (url) => new DeepgramDriver({ url, model: 'tone' }),
        resuming: (url) => new ResumingDriver({ url, model: 'tone' }, systemClock),
      },
      probe: new ToneProbe(),
      scenarios: mutantScenarios,
      profile: {
        name: mutant.name,
        limitMs,
        lanes: 24,
        replicas: mutant.replicas ?? 1,
        counts: mutant.counts,
        ...(mutant.extendTo === undefined ? {} : { extendTo: mutant.extendTo }),
      },
      seed,
      requirement: { level: 'within-limits', levels: {}, waivers: [] },
      suite: version,
      clock: systemClock,
    });
    const withResult = (wanted: string): AcceptanceMetricId[] =>
      report.metrics.filter(({ result }) => result === wanted).map(({ id }) => id);
    return {
      mutant: mutant.name,
      dose,
      seed,
      failed: withResult('failed'),
      inconclusive: withResult('inconclusive'),
      problem: problemOf(report),
      values: Object.fromEntries(report.metrics.map(({ id, value }) => [id, value])),
      tookMs: report.run.tookMs,
    };
  } finally {
    await target.stop();
  }
}

/**
 * Many runs share the machine: finals of a healthy build take 0.4 s, late ones 2.4 s, and the limit is 1.5 s. A sender
 * that is later than this at p99 could make the one look like the other.
 */
const senderLateMsMax = 400;

/** A run that was cut short, or whose own sender was far too late, says nothing of the build. */
function problemOf({ partial, sentence, run }: AcceptanceReport): string | null {
  if (partial) return sentence;
  const { p99 } = run.senderLateMs;
  return p99 > senderLateMsMax ? `the sender was ${p99} ms late (p99)` : null;
}
