import { expect, it } from 'vitest';
import { referenceEngine } from './accept-engine.ts';

const found = () => ({ preflight: () => Promise.resolve({ ok: true, detail: 'found' } as const) });
const missing = () => ({
  preflight: () => Promise.resolve({ ok: false, missing: 'libpocketsphinx', remedy: '' } as const),
});

it('takes the engine that hears what the run says', async () => {
  expect(await referenceEngine({ engine: 'auto', probe: 'tone' }, missing)).toBe('tone');
  expect(await referenceEngine({ engine: 'auto', probe: 'speech' }, found)).toBe('pocketsphinx');
  expect(await referenceEngine({ engine: 'auto', probe: 'tone', recordings: 'x' }, found)).toBe(
    'pocketsphinx',
  );
});

it('refuses with the remedy what could only be deaf', async () => {
  await expect(referenceEngine({ engine: 'auto', probe: 'speech' }, missing)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('got libpocketsphinx. Run: crossfade engines fetch pocketsphinx'),
  });
  await expect(referenceEngine({ engine: 'pocketsphinx', probe: 'tone' }, found)).rejects.toThrow(
    'Add --probe speech',
  );
});
