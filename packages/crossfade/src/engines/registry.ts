import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Engine, EngineName } from './engine.ts';
import {
  createPocketsphinxEngine,
  createPocketsphinxGrammarEngine,
  type PocketsphinxOptions,
} from './pocketsphinx.ts';
import { ToneEngine } from './tone.ts';

/** Every engine there is, the one that always runs first. */
export const engineNames: readonly EngineName[] = ['tone', 'pocketsphinx', 'pocketsphinx-grammar'];

/** What `crossfade engines` shows of one engine. */
export interface EngineReport {
  readonly name: EngineName;
  readonly description: string;
  readonly ok: boolean;
  /** Where it was found, or what is missing. */
  readonly detail: string;
  /** What to do when it is missing; null when nothing is. */
  readonly remedy: string | null;
}

/** One engine by its name, not yet started. ENGINE_UNKNOWN for any other name. */
export function createEngine(name: string, options: PocketsphinxOptions = {}): Engine {
  if (name === 'tone') return new ToneEngine();
  if (name === 'pocketsphinx') return createPocketsphinxEngine(options);
  if (name === 'pocketsphinx-grammar') return createPocketsphinxGrammarEngine(options);
  throw new CrossfadeError(
    'ENGINE_UNKNOWN',
    `Expected an engine of ${engineNames.join(', ')}, got "${name}".`,
  );
}

/** All engines, or those named. None is started before its first stream. */
export function createEngines(
  options: PocketsphinxOptions & { readonly names?: readonly string[] } = {},
): Engine[] {
  return (options.names ?? engineNames).map((name) => createEngine(name, options));
}

/** Whether each engine can run on this machine, and if not, what to do. Starts nothing. */
export function engineReport(engines: readonly Engine[] = createEngines()): Promise<EngineReport[]> {
  return Promise.all(
    engines.map(async (engine) => {
      const { name, description } = engine;
      const preflight = await engine.preflight();
      return preflight.ok
        ? { name, description, ok: true, detail: preflight.detail, remedy: null }
        : { name, description, ok: false, detail: preflight.missing, remedy: preflight.remedy };
    }),
  );
}
