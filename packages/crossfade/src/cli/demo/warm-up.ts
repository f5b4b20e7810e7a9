import type { Clock } from '@crossfade/sdk/core/clock';
import type { EngineName } from '../../engines/engine.ts';
import { demoSampleRate } from './demo-audio.ts';
import { speakSession } from './live-session.ts';
import { laneEngine, type TrafficPlan } from './traffic.ts';

/** Long enough that all are open at once, so that each has a decoder of its own loaded, ms. */
const silenceMs = 2_500;
/** On a machine with time to spare the models load in well under a second. */
const easyMs = silenceMs + 1_500;
/** Fewer are no crowd; a machine that cannot do this many shows it in the numbers. */
const fewestLanes = 8;

/** Decoders that an engine keeps for later sessions; more would be loaded in vain. */
const decodersMax = 16;

/**
 * Opens as many streams at a pipeline as `share` of the crowd will, and says nothing: the recognizers' models are
 * then loaded before the first live session waits for them. Goes past the gateway, so it leaves no record.
 */
export async function warmUp(
  pipelineUrl: string,
  plan: TrafficPlan,
  share: number,
  clock: Clock,
): Promise<void> {
  const counts = new Map<EngineName, number>();
  for (let lane = 0; lane < plan.lanes; lane += 1) {
    const engine = laneEngine(plan, lane);
    if (engine !== 'tone') counts.set(engine, (counts.get(engine) ?? 0) + 1);
  }
  const totalSamples = (silenceMs * demoSampleRate) / 1_000;
  const audio = {
    totalSamples,
    script: null,
    read: (start: number, end: number) => new Int16Array(end - start),
  };
  const models = [...counts].flatMap(([model, lanes]) =>
    Array.from({ length: Math.min(decodersMax, Math.ceil(lanes * share)) }, () => model),
  );
  await Promise.all(
    models.map((model) =>
      speakSession({ gatewayUrl: pipelineUrl, model, targetingKey: 'warm-up', attributes: {}, audio, clock }),
    ),
  );
}

/**
 * How many speakers a machine carries that took so long to warm up for `lanes` of them: all, or fewer in
 * proportion, so that a busy machine shows a rollout and not its own lack of time.
 */
export function fittingLanes(lanes: number, tookMs: number): number {
  if (tookMs <= easyMs) return lanes;
  return Math.min(lanes, Math.max(fewestLanes, Math.floor((lanes * easyMs) / tookMs)));
}
