import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Engine, EngineName } from '../../engines/engine.ts';
import { createEngine } from '../../engines/registry.ts';

export const engineWishes = ['auto', 'tone', 'pocketsphinx'] as const;
export type EngineWish = (typeof engineWishes)[number];

interface Asked {
  readonly engine: EngineWish;
  readonly probe: 'tone' | 'speech';
  readonly recordings?: string;
}

/**
 * The engine of the reference pipeline that hears what the run says: tones by the tone engine, speech by pocketsphinx.
 * Throws USAGE with the remedy where it cannot, before a minute is spent on a target that is deaf.
 */
export async function referenceEngine(
  { engine, probe, recordings }: Asked,
  create: (name: EngineName) => Pick<Engine, 'preflight'> = createEngine,
): Promise<EngineName> {
  const isSpeech = recordings !== undefined || probe === 'speech';
  if (isSpeech && engine === 'tone') {
    throw new CrossfadeError(
      'USAGE',
      'Expected an engine that hears speech, got --engine tone, which hears probe tones alone. Use --engine pocketsphinx or --probe tone.',
    );
  }
  if (!isSpeech && engine === 'pocketsphinx') {
    throw new CrossfadeError(
      'USAGE',
      'Expected an engine that hears probe tones, got --engine pocketsphinx, which hears speech alone. Add --probe speech.',
    );
  }
  if (!isSpeech) return 'tone';
  const preflight = await create('pocketsphinx').preflight();
  if (preflight.ok) return 'pocketsphinx';
  throw new CrossfadeError(
    'USAGE',
    `Expected pocketsphinx for speech, got ${preflight.missing}. Run: crossfade engines fetch pocketsphinx, or use --probe tone.`,
  );
}
