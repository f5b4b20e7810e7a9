import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import type { Target } from '../../acceptance/target.ts';
import { readRunningSystem } from '../data-folder.ts';
import { gatewayName, startSystem, type SystemEvent } from '../supervisor/system.ts';
import { parseSystemConfig } from '../system-config.ts';
import { version } from '../version.ts';

/** A restart that takes longer has failed: a pipeline is ready within two seconds. */
const backLimitMs = 30_000;

/** The reference pipeline on the tone engine, in processes of its own, in a folder that goes when the run is over. */
export async function startReference(kind: 'streaming' | 'legacy', behindGateway: boolean): Promise<Target> {
  const dataDir = await mkdtemp(join(tmpdir(), 'crossfade-accept-'));
  const build = `${kind}-${version}`;
  const config = parseSystemConfig(
    JSON.stringify({
      gateway: { port: 0 },
      pipelines: [{ name: kind, kind, build, engines: ['tone'] }],
    }),
    'the reference system',
  );
  const waiters = new Map<string, () => void>();
  const onEvent = (event: SystemEvent): void => {
    if (event.type === 'ready') waiters.get(event.child)?.();
  };
  const system = await startSystem({ config, dataDir, clock: systemClock, random: systemRandom, onEvent });
  const process = (name: string, role: 'pipeline' | 'gateway'): Target['processes'][number] => {
    let back: Promise<void> = Promise.resolve();
    return {
      name,
      role,
      kill: () => {
        back = new Promise((resolve, reject) => {
          const cancel = systemClock.after(backLimitMs, () =>
            reject(new CrossfadeError('TIMEOUT', `Expected ${name} back within ${backLimitMs} ms.`)),
          );
          waiters.set(name, () => {
            cancel();
            resolve();
          });
        });
        system.children.get(name)?.kill('SIGKILL');
      },
      back: () => back,
    };
  };
  const { pipelines } = await readRunningSystem(dataDir);
  const pipelineUrl = pipelines.find(({ name }) => name === kind)?.url;
  return {
    url: `${behindGateway ? system.gatewayUrl : pipelineUrl}/v1/listen`,
    name: `the reference pipeline ${kind}`,
    build,
    system: behindGateway ? 'behind-gateway' : 'direct',
    processes: behindGateway
      ? [process(kind, 'pipeline'), process(gatewayName, 'gateway')]
      : [process(kind, 'pipeline')],
    faults: {},
    stop: async () => {
      await system.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
