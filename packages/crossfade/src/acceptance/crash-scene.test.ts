import { describe, expect, it } from 'vitest';
import { CrashScene } from './crash-scene.ts';
import type { Observation, SessionSpec } from './observation.ts';
import type { LiveSpeech } from './speak.ts';
import { remoteTarget, type Target, type TargetProcess } from './target.ts';

const steps: string[] = [];
const process = (role: TargetProcess['role']): TargetProcess => ({
  name: role,
  role,
  kill: () => undefined,
  freeze: () => void steps.push(`freeze ${role}`),
  back: () => Promise.resolve(),
});
const [pipeline, gateway] = [process('pipeline'), process('gateway')];
const target: Target = {
  ...remoteTarget('ws://host'),
  processes: [pipeline, gateway],
  whiteBox: {
    journaled: () => {
      steps.push('look');
      return Promise.resolve(new Map([['s', { afterKill: 15_200, afterPowerCut: 8_000 }]]));
    },
  },
};
/** Has said one second more each time it is asked. */
function speech(): LiveSpeech {
  let produced = 0;
  return { producedSamples: () => (produced += 16_000) } as LiveSpeech;
}
const spec = { speech: { sampleRate: 16_000 } } as unknown as SessionSpec;
const broken = {
  spec,
  accepted: { sessionId: 's', build: null },
  problem: { kind: 'died', reason: '' },
} as Observation;

describe('the scene of a crash', () => {
  it('freezes the process that holds the clients, counts what was said, and looks; once', async () => {
    steps.length = 0;
    const scene = new CrashScene(target, [speech()]);
    await scene.lookBefore(pipeline);
    expect(steps).toEqual([]);
    await scene.lookBefore(gateway);
    await scene.lookBefore(gateway);
    expect(steps).toEqual(['freeze gateway', 'look']);
    expect(scene.produced).toEqual([32_000]);
    const lossMs = 1_000;
    expect(scene.losses([{ observation: broken, lossMs }])).toEqual({
      killMs: 1_050,
      powerCutMs: 1_500,
      differenceMs: 50,
    });
  });

  it('finds no loss of a client that resumes, and nothing at all where nobody may look', async () => {
    const scene = new CrashScene(target, [speech()]);
    await scene.lookBefore(gateway);
    expect(scene.losses([{ observation: { ...broken, problem: null }, lossMs: 0 }])).toBeNull();
    const blind = new CrashScene({ ...remoteTarget('ws://host'), processes: [pipeline] }, [speech()]);
    await blind.lookBefore(pipeline);
    expect(blind.losses([{ observation: broken, lossMs: 0 }])).toBeNull();
    expect(blind.produced).toEqual([32_000]);
  });
});
