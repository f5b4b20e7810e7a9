import { formatDurationMs } from '@crossfade/sdk/core/units';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import type { DeadLetter } from '../../controller/dead-letters.ts';
import { acceptedText } from '../../controller/event-text.ts';
import type {
  AcceptanceStatus,
  HistoryEntry,
  ReceiptStatus,
  RolloutStatus,
} from '../../controller/rollout-status.ts';

/** A share as people read it. */
export function shareText(shareBuckets: number): string {
  return `${Number(((shareBuckets * 100) / bucketCount).toFixed(3))} %`;
}

/** Where a rollout stands, a few lines for a terminal. */
export function statusText(status: RolloutStatus): string {
  const {
    name,
    state,
    disabled,
    candidate,
    candidateBuild,
    control,
    stage,
    stages,
    holding,
    acceptance,
    verdict,
    receipt,
  } = status;
  const lines = [`${name}: ${state}${disabled ? ', disabled' : ''}`];
  lines.push(
    `  ${candidate}${candidateBuild === null ? '' : ` (build ${candidateBuild})`} against ${control}`,
  );
  if (stage !== null) {
    const bake = `${formatDurationMs(stage.bakedMs)} of ${formatDurationMs(stage.bakeMs)} baked`;
    lines.push(
      `  stage ${stage.name} (${stage.index + 1} of ${stages.length}), share ${shareText(stage.shareBuckets)}, ${bake}`,
    );
  }
  if (acceptance !== null) lines.push(...acceptanceLines(acceptance));
  if (holding !== null) lines.push(`  holding: ${holding}`);
  if (verdict !== null) lines.push(`  verdict ${verdict.verdict}: ${verdict.sentence}`);
  if (receipt !== null) lines.push(...receiptLines(receipt));
  return lines.join('\n');
}

function acceptanceLines({ evidence, waivers }: AcceptanceStatus): readonly string[] {
  return [
    ...(evidence === null ? [] : [`  ${acceptedText(evidence)}`]),
    ...waivers.map(
      ({ gates, actor, reason }) => `  waived by ${actor.name}: ${gates.join(', ')} (${reason})`,
    ),
  ];
}

/** What a rollback left, a few lines. */
export function receiptLines(receipt: ReceiptStatus): readonly string[] {
  const outcomes = new Map<string, number>();
  for (const { outcome } of receipt.sessions) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const what = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'none were open';
  const { samplesLost, duplicateEntries, running } = receipt;
  const uncounted = running === 0 ? '' : `; ${running} still running, not counted yet`;
  return [
    `  rolled back by ${receipt.actor}: ${receipt.reason}`,
    `  open sessions: ${what}; samples lost: ${samplesLost}; shown twice: ${duplicateEntries}${uncounted}`,
    ...pauseLines(receipt),
    ...(receipt.unacknowledged.length === 0 ? [] : [`  no word from: ${receipt.unacknowledged.join(', ')}`]),
    ...(receipt.completedAtMs === null ? ['  the receipt is still open'] : []),
  ];
}

function pauseLines({ pauses }: ReceiptStatus): readonly string[] {
  if (pauses === null) return [];
  const { sessions, msP50, msP99 } = pauses;
  return [`  pause of the ${sessions} that were moved: p50 ${msP50} ms, p99 ${msP99} ms`];
}

export function rolloutsText(rollouts: readonly RolloutStatus[]): string {
  if (rollouts.length === 0) return 'No rollout yet. Make one with: crossfade rollout apply plan.yaml';
  return rollouts.map(statusText).join('\n');
}

export function historyText(events: readonly HistoryEntry[]): string {
  return events
    .map(({ sequence, atMs, actor, type, text, reason }) =>
      [
        `${String(sequence).padStart(4)}  ${new Date(atMs).toISOString()}  ${type.padEnd(18)}`,
        `${actor}: ${text}`,
        // The reason of a verdict is its sentence.
        ...(text.includes(reason) ? [] : [`(${reason})`]),
      ].join('  '),
    )
    .join('\n');
}

/** Dead letters that a status shows; `crossfade notices list --json` has them all. */
const deadLettersShown = 10;

/** Who was not told of what; no line when everybody was. */
export function deadLetterLines(letters: readonly DeadLetter[]): readonly string[] {
  if (letters.length === 0) return [];
  const shown = letters.slice(0, deadLettersShown);
  const rest = letters.length - shown.length;
  return [
    `${letters.length} not told (send again: crossfade notices retry, forget: crossfade notices drop)`,
    ...shown.map(({ id, title, attempts, error }) => `  ${id}: ${title}; tried ${attempts} times: ${error}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}
