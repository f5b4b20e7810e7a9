import { type ProcessBlock, processBlockMs } from '../analysis/process-sample.ts';
import type { RolloutEvidence } from '../analysis/sequential/rollout-evidence.ts';
import type { Plan } from '../rollout/plan.ts';

/** Half-hour blocks of one process, by its name, from a time on. */
export type ProcessBlockSource = (process: string, sinceMs: number) => readonly ProcessBlock[];

/** A block in which a pipeline heard less says nothing of what an hour of audio costs, ms. */
const audioMsMin = 60_000;
/**
 * An idle process costs something too. With a tenth of the traffic its hour of audio is dearer and its memory smaller,
 * whatever the build: sides that do not carry about the same are not compared.
 */
const loadRatioMax = 2;
const hourMs = 3_600_000;

/**
 * Brings what the pipelines of both sides cost into the evidence: blocks that are over, of processes that are named as
 * the plan's upstreams and, on the candidate's side, run its build. A block counts once, however often it is asked for.
 */
export function measureProcesses(
  evidence: RolloutEvidence,
  { control, candidate }: Pick<Plan, 'control' | 'candidate'>,
  source: ProcessBlockSource,
  nowMs: number,
): void {
  const { originMs } = evidence.setup;
  const ofControl = source(control.upstream, originMs);
  for (const block of source(candidate.upstream, originMs)) {
    if (block.build !== candidate.build || block.startMs < originMs) continue;
    if (block.startMs + processBlockMs > nowMs) continue;
    const other = ofControl.find(({ startMs }) => startMs === block.startMs);
    if (other === undefined || !isComparable(block, other)) continue;
    const minute = evidence.minuteAt(block.startMs);
    const rss = { minute, candidate: block.rssBytesMean, control: other.rssBytesMean };
    evidence.blockMeasured('rss-per-process', rss);
    const cpu = { minute, candidate: cpuPerAudioHour(block), control: cpuPerAudioHour(other) };
    evidence.blockMeasured('cpu-per-audio-hour', cpu);
  }
}

function isComparable({ audioMs: a }: ProcessBlock, { audioMs: b }: ProcessBlock): boolean {
  return Math.min(a, b) >= audioMsMin && Math.max(a, b) <= loadRatioMax * Math.min(a, b);
}

/** CPU seconds for an hour of audio. */
function cpuPerAudioHour({ cpuMs, audioMs }: ProcessBlock): number {
  return cpuMs / 1_000 / (audioMs / hourMs);
}
