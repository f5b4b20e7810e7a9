import { engineNames } from '../../engines/registry.ts';
import type { PipelineConfig } from '../system-config.ts';

/** What a person who will speak to this system must know of its engine; null: it hears speech, or is not ours. */
export function engineHint(pipelines: readonly Pick<PipelineConfig, 'engines'>[]): string | null {
  const hearsTones = pipelines.some(({ engines = engineNames }) => engines[0] === 'tone');
  return hearsTones
    ? 'Engine tone: hears probe tones only; --engine pocketsphinx for speech (get it with: crossfade engines fetch pocketsphinx).'
    : null;
}
