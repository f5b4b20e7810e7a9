import { expect, test } from 'vitest';
import { createEngine, createEngines, engineNames, engineReport } from './registry.ts';

/** A machine without pocketsphinx, whatever this one has. */
const bare = {
  locate: async () => ({ found: false, missing: ['/usr/lib/libpocketsphinx.so.3', '/a', '/b'] }) as const,
};

test('each name makes the engine of that name, and starts nothing', () => {
  const engines = createEngines();
  expect(engines.map(({ name }) => name)).toEqual(engineNames);
  expect(engines.flatMap((engine) => engine.pids())).toEqual([]);
});

test('only the engines asked for are made', () => {
  expect(createEngines({ names: ['tone'] }).map(({ name }) => name)).toEqual(['tone']);
});

test('an unknown name is refused with the names that are known', () => {
  expect(() => createEngine('whisper')).toThrow(
    'Expected an engine of tone, pocketsphinx, pocketsphinx-grammar, got "whisper".',
  );
});

test('a machine without pocketsphinx still has the tone engine, and is told what to run', async () => {
  const [tone, open, grammar] = await engineReport(createEngines(bare));
  expect(tone).toMatchObject({ name: 'tone', ok: true, remedy: null });
  expect(tone?.description).toMatch(/not speech recognition/);
  expect(open).toMatchObject({ ok: false, detail: '/usr/lib/libpocketsphinx.so.3 and 2 more' });
  expect(open?.remedy).toMatch(/crossfade engines fetch pocketsphinx/);
  expect(grammar).toMatchObject({ name: 'pocketsphinx-grammar', ok: false });
});

test('opening an engine that is not there is a sentence with a remedy', async () => {
  const listener = { onEvent: () => {}, onError: () => {} };
  const opening = createEngine('pocketsphinx', bare).open({ sampleRate: 16_000, endpointMs: 400 }, listener);
  await expect(opening).rejects.toMatchObject({
    code: 'ENGINE_MISSING',
    message: expect.stringMatching(
      /Expected .*libpocketsphinx.* for pocketsphinx, found none\. Run: crossfade engines fetch/,
    ),
  });
});

test('another sample rate than 16 kHz is refused before anything starts', async () => {
  const listener = { onEvent: () => {}, onError: () => {} };
  const engine = createEngine('pocketsphinx-grammar', bare);
  await expect(engine.open({ sampleRate: 8_000, endpointMs: 400 }, listener)).rejects.toMatchObject({
    code: 'QUERY_INVALID',
    message: 'Expected 16000 Hz for pocketsphinx-grammar, got 8000 Hz. Resample before.',
  });
});
