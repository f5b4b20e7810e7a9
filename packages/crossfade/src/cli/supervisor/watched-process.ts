import type { ProcessSample } from '../../analysis/process-sample.ts';
import { ControlClient } from '../../server/control-client.ts';
import type { PipelineConfig } from '../system-config.ts';
import type { ManagedChild } from './managed-child.ts';
import type { PipelineHealth, WatchedProcess } from './process-watch.ts';

/** Time a pipeline has to say goodbye to its sessions when it is replaced. */
const replaceGraceMs = 2_000;

/** A child of the system for the watch; `url` is a pipeline's. */
export function watchedProcess(
  child: ManagedChild,
  pipeline: PipelineConfig | undefined,
  url: string | undefined,
): WatchedProcess {
  const common = {
    name: child.name,
    pid: () => (child.state === 'ready' ? child.pid : undefined),
    replace: (why: string) => child.replace(why, replaceGraceMs),
  };
  if (pipeline === undefined || url === undefined) {
    return { ...common, kind: child.name === 'gateway' ? 'gateway' : 'control-plane' };
  }
  return {
    ...common,
    kind: 'pipeline',
    build: pipeline.build,
    rssBytesMax: pipeline.memoryMaxMb * 1_048_576,
    health: (limitMs) => healthOf(url, limitMs),
  };
}

async function healthOf(url: string, limitMs: number): Promise<PipelineHealth> {
  const response = await fetch(`${url.replace(/^ws/, 'http')}/healthz`, {
    signal: AbortSignal.timeout(limitMs),
  });
  return (await response.json()) as PipelineHealth;
}

/** To the control plane of this data folder, wherever it listens now. */
export async function sendSamples(dataDir: string, samples: readonly ProcessSample[]): Promise<string> {
  const client = await ControlClient.forDataFolder(dataDir);
  return (await client.processSamples(samples)).instance;
}
