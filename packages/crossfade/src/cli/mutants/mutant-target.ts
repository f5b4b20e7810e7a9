import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemIds } from '@crossfade/sdk/core/ids';
import { silentLog } from '@crossfade/sdk/core/log';
import { getRequestListener } from '@hono/node-server';
import type { Target } from '../../acceptance/target.ts';
import { createEngines } from '../../engines/registry.ts';
import { type Gateway, startGateway } from '../../gateway/gateway.ts';
import { openJournal } from '../../journal/file-journal.ts';
import { startPipeline } from '../../pipelines/pipeline.ts';
import { createGatewayApp } from '../../server/gateway-app.ts';
import { createMemorySessionStore } from '../../store/memory/sessions.ts';
import { startReference } from '../commands/accept-reference.ts';
import { eraseAudio } from '../processes/gateway.ts';
import { repeatsOf } from '../processes/gateway-defects.ts';
import type { Dose, Mutant } from './mutants.ts';

/** Starts a build with its fault. Where nothing is killed it needs no process of its own, and starts at once. */
export async function startMutant(mutant: Mutant, dose: Dose, seed: number): Promise<Target> {
  const pipeline = mutant.pipeline?.[dose];
  const gateway = mutant.gateway?.[dose];
  if (mutant.system === 'processes') {
    return startReference({
      kind: 'streaming',
      behindGateway: true,
      ...(pipeline === undefined ? {} : { defect: { ...pipeline, seed } }),
      ...(gateway === undefined ? {} : { gatewayDefect: { ...gateway, seed } }),
    });
  }
  const served = await startPipeline({
    kind: 'streaming',
    host: '127.0.0.1',
    port: 0,
    build: mutant.name,
    engines: createEngines({ names: ['tone'] }),
    ...(pipeline === undefined ? {} : { defect: { ...pipeline, seed } }),
    // Faster than real time, in a process that speaks too: behind is not overloaded.
    limits: { admissionBacklogMs: 3_600_000 },
    clock: systemClock,
  });
  const direct: Target = {
    url: `ws://127.0.0.1:${served.port}/v1/listen`,
    name: mutant.name,
    system: 'direct',
    processes: [],
    breakable: [],
    faults: {},
    stop: () => served.close(),
  };
  return mutant.system === 'pipeline' ? direct : behindGateway(direct, { ...gateway, seed });
}

async function behindGateway(pipeline: Target, defect: Record<string, unknown>): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'crossfade-mutant-'));
  const journal = await openJournal({ folder: join(folder, 'journal'), clock: systemClock });
  const sessions = createMemorySessionStore();
  let gateway: Gateway | null = null;
  const app = createGatewayApp({
    gateway: () => gateway,
    sessions,
    eraseAudio: (sessionId) => eraseAudio(journal, sessionId),
    keys: [],
    log: silentLog,
    ruleset: () => ({ revision: 0, ageMs: 0 }),
  });
  const listener = getRequestListener(app.fetch);
  const started = await startGateway({
    host: '127.0.0.1',
    port: 0,
    flag: 'transcription',
    upstreams: [{ name: 'streaming', url: pipeline.url }],
    controlUpstream: 'streaming',
    journal,
    sessions,
    evaluator: {
      evaluate: () => ({ value: 'streaming', variant: 'streaming', reason: 'DEFAULT', revision: 0 }),
    },
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
    http: (request, response) => void listener(request, response),
    ...repeatsOf(defect as unknown as Parameters<typeof repeatsOf>[0]),
  });
  gateway = started;
  return {
    ...pipeline,
    url: `ws://127.0.0.1:${started.port}/v1/listen`,
    system: 'behind-gateway',
    stop: async () => {
      await started.close();
      await journal.close();
      await pipeline.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
