import type { RolloutStatus } from '../../controller/rollout-status.ts';
import { shareText } from '../commands/rollout-text.ts';

/** What one progress line tells. */
export interface ProgressFacts {
  readonly elapsedMs: number;
  /** The rollout that is watched; null before the first. */
  readonly rollout: RolloutStatus | null;
  /** Sessions open now, by pipeline. */
  readonly sessions: Readonly<Record<string, number>>;
  /** Sessions that are over. */
  readonly ended: number;
  /** p95 of finals by pipeline, of all records so far. */
  readonly finalLatencyMsP95: Readonly<Record<string, number | null>>;
  readonly audioLostMs: number;
}

/** One line: time, rollout and stage, share, who serves how many, how fast, what was lost. */
export function progressLine(facts: ProgressFacts): string {
  const { elapsedMs, rollout, sessions, ended, finalLatencyMsP95, audioLostMs } = facts;
  const open = Object.entries(sessions).map(([name, count]) => `${name} ${count}`);
  const latencies = Object.entries(finalLatencyMsP95).flatMap(([name, ms]) =>
    ms === null ? [] : [`${name} ${Math.round(ms)}`],
  );
  return [
    clockText(elapsedMs),
    rolloutText(rollout),
    `sessions ${open.join(', ') || 'none'} (${ended} over)`,
    ...(latencies.length === 0 ? [] : [`p95 ms ${latencies.join(', ')}`]),
    `audio lost ${Math.round(audioLostMs)} ms`,
  ].join('  |  ');
}

function rolloutText(rollout: RolloutStatus | null): string {
  if (rollout === null) return 'no rollout yet';
  const { name, state, stage, verdict } = rollout;
  if (stage === null || state !== 'running') return `${name}: ${state}`;
  const share = shareText(stage.shareBuckets);
  // A stage of a share alone is mostly named after it.
  const where =
    stage.name.replace(/\s/g, '') === share.replace(/\s/g, '') ? share : `${stage.name}, share ${share}`;
  return `${name}: ${where}${verdict === null ? '' : `, ${verdict.verdict}`}`;
}

function clockText(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
