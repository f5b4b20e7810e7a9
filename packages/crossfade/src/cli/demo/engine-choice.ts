import { messageOf } from '@crossfade/sdk/core/errors';
import { createEngine } from '../../engines/registry.ts';
import { fetchWithProgress } from '../commands/engines.ts';

/** What the demo may be asked for; `auto` takes real speech when it can be had. */
export const engineWishes = ['auto', 'tone', 'pocketsphinx'] as const;
export type EngineWish = (typeof engineWishes)[number];

/** What it speaks: probe tones alone, or real speech with some probes among it. */
export type DemoEngines = 'tone' | 'speech';

/**
 * Looks for pocketsphinx, fetches it when it is missing, and says what it does. With `auto` the tone engine
 * takes over, with a sentence; with `pocketsphinx` a failure is the caller's.
 */
export async function chooseEngines(wish: EngineWish, tell: (line: string) => void): Promise<DemoEngines> {
  if (wish === 'tone') return 'tone';
  if ((await createEngine('pocketsphinx').preflight()).ok) return 'speech';
  tell(
    'pocketsphinx is not on this machine: fetching it with apt into your cache folder (about 35 MB, no root, ' +
      'nothing is installed). To do without: --engine tone',
  );
  try {
    await fetchWithProgress(tell);
    return 'speech';
  } catch (error) {
    if (wish === 'pocketsphinx') throw error;
    tell(
      `No real speech this time: ${messageOf(error)} Going on with the tone engine, which hears probe tones only.`,
    );
    return 'tone';
  }
}
