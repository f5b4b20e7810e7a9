import { expect, test } from 'vitest';
import { defaultSystemConfig } from '../system-config.ts';
import { engineHint } from './engine-hint.ts';

test('a person is told that the default engine hears no speech, and which one does', () => {
  expect(engineHint(defaultSystemConfig.pipelines)).toMatch(
    /probe tones only; --engine pocketsphinx for speech/,
  );
  expect(engineHint([{ engines: ['tone'] }])).not.toBeNull();
});

test('no word of tones where speech is heard, or where all upstreams are outside', () => {
  expect(engineHint([{ engines: ['pocketsphinx'] }])).toBeNull();
  expect(engineHint([])).toBeNull();
});
