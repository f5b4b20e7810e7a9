import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Logger } from 'pino';
import type { Engine } from '../../engines/engine.ts';
import { createEngines } from '../../engines/registry.ts';
import { startPipeline } from '../../pipelines/pipeline.ts';
import { exitCode } from '../exit-code.ts';
import type { PipelineConfig } from '../system-config.ts';
import type { RunningChild } from './child-main.ts';
import type { ChildSettings } from './messages.ts';

/**
 * Audio that engines may be behind, all sessions together, ms, before new sessions are refused. The grammar
 * engine works off this much in a second, and forty sessions are soon half a second behind at once.
 */
const admissionBacklogMs = 60_000;

/** One pipeline's process. Its engines, where they are native, are processes of their own again. */
export async function startPipelineProcess(settings: ChildSettings, log: Logger): Promise<RunningChild> {
  const config = settings.config.pipelines.find(({ name }) => name === settings.pipeline);
  if (config === undefined)
    throw new CrossfadeError('INTERNAL', `Expected a pipeline, got ${settings.pipeline}.`);
  const pipeline = await startPipeline({
    kind: config.kind,
    host: '127.0.0.1',
    port: settings.addresses.pipelinePorts[config.name] as number,
    build: config.build,
    engines: await enginesOf(config),
    ...(config.defect === undefined ? {} : { defect: config.defect }),
    onCrash: () => process.exit(exitCode.failed),
    limits: { admissionBacklogMs },
    clock: systemClock,
    log,
  });
  return { port: pipeline.port, close: () => pipeline.close() };
}

/** Those that are named must be here; when none is named, all that are here. */
async function enginesOf(config: PipelineConfig): Promise<readonly Engine[]> {
  const engines = createEngines(config.engines === undefined ? {} : { names: config.engines });
  const usable: Engine[] = [];
  for (const engine of engines) {
    const preflight = await engine.preflight();
    if (preflight.ok) usable.push(engine);
    else if (config.engines !== undefined) {
      throw new CrossfadeError(
        'ENGINE_MISSING',
        `Expected the engine ${engine.name} for the pipeline ${config.name}, got none: ${preflight.missing}. ${preflight.remedy}`,
      );
    }
  }
  return usable;
}
