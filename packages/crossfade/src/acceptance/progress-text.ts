import type { Clock } from '@crossfade/sdk/core/clock';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import { planRun, type Profile } from './profile.ts';
import type { Progress } from './run-acceptance.ts';
import type { Target } from './target.ts';

/** What will be done and how long it takes, said before it starts. */
export function planText(profile: Profile, target: Target, seed: number): string {
  const { talks, turns, trials, expectedMs } = planRun(profile, target, seed);
  const sessions = `${talks.length} talks of ${formatDurationMs(profile.talkMs)}, ${turns.length} short turns`;
  const system = target.system === 'direct' ? 'direct' : 'behind the gateway';
  return `Testing ${target.name}, ${system}: ${sessions}, ${trials.length} faults; about ${formatDurationMs(expectedMs)}, at most ${formatDurationMs(profile.limitMs)}.`;
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
