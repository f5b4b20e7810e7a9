import type { Clock } from '@crossfade/sdk/core/clock';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import { countText } from '../analysis/metric-spec.ts';
import type { RunPlan } from './plan.ts';
import type { Profile } from './profile.ts';
import type { Progress } from './acceptance-options.ts';
import type { Target } from './target.ts';

/** What will be done and how long it takes, said before it starts. */
export function planText(plan: RunPlan, profile: Profile, target: Target): string {
  const system = target.system === 'direct' ? 'direct' : 'behind the gateway';
  const count = (batches: readonly { readonly count: number }[], units: string): string =>
    countText(
      batches.reduce((sum, batch) => sum + batch.count, 0),
      units,
    );
  const names = [...plan.sessions, ...plan.trials].map(({ scenario }) => scenario.name);
  const first = `Testing ${target.name}, ${system}: ${count(plan.sessions, 'sessions')} and ${count(plan.trials, 'faults')} of ${countText(new Set(names).size, 'scenarios')}; about ${formatDurationMs(plan.expectedMs)}, at most ${formatDurationMs(profile.limitMs)}.`;
  const rest = plan.notRun.map(({ scenario, why }) => `Not run: ${scenario}, because ${why}.`);
  return [first, ...rest].join('\n');
}

/** A line at most so often: enough to see that it lives. */
const lineEveryMs = 5_000;

/** Tells progress as lines: each phase when it begins and ends, and every few seconds between. */
export function progressTeller(clock: Clock, tell: (line: string) => void): (progress: Progress) => void {
  const startedAtMs = clock.monotonicMs();
  let toldPhase = '';
  let toldAtMs = startedAtMs;
  return ({ phase, done, of }) => {
    const nowMs = clock.monotonicMs();
    if (phase === toldPhase && done < of && nowMs - toldAtMs < lineEveryMs) return;
    toldPhase = phase;
    toldAtMs = nowMs;
    const seconds = ((nowMs - startedAtMs) / 1_000).toFixed(0).padStart(4);
    tell(`${seconds} s  ${phase}: ${done} of ${of}`);
  };
}
