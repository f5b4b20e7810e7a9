import fc from 'fast-check';
import { hasCode } from '@crossfade/sdk/core/errors';
import { expect, test } from 'vitest';
import { parseListenQuery } from './listen-query.ts';

const base = 'encoding=linear16&sample_rate=16000';

test('what clients of the protocol send is understood', () => {
  const query = parseListenQuery(
    new URLSearchParams(
      `model=nova-3&${base}&interim_results=true&endpointing=250&utterance_end_ms=1000&vad_events=true&smart_format=true&extra=a:b:c&extra=country:DE`,
    ),
  );
  expect(query).toMatchObject({
    model: 'nova-3',
    encoding: 'linear16',
    sampleRate: 16_000,
    interimResults: true,
    endpointingMs: 250,
    utteranceEndMs: 1_000,
    vadEvents: true,
  });
  expect([...query.extra]).toEqual([
    ['a', 'b:c'],
    ['country', 'DE'],
  ]);
});

test('endpointing may be off, on, or milliseconds', () => {
  const endpointing = (value: string): number | null | undefined =>
    parseListenQuery(new URLSearchParams(`${base}&endpointing=${value}`)).endpointingMs;
  expect(['false', 'true', '0', '300'].map(endpointing)).toEqual([null, undefined, 0, 300]);
});

test('whatever a stranger sends is understood or refused with a sentence, never anything else', () => {
  const name = fc.constantFrom(
    'model',
    'encoding',
    'sample_rate',
    'channels',
    'endpointing',
    'extra',
    'utterance_end_ms',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string({ maxLength: 40 })), { maxLength: 8 }), (pairs) => {
      try {
        const query = parseListenQuery(new URLSearchParams([...pairs]));
        expect(query.sampleRate).toBeGreaterThanOrEqual(8_000);
      } catch (error) {
        expect(hasCode(error, 'QUERY_INVALID')).toBe(true);
        expect((error as Error).message).toMatch(/^Expected .+, got /);
      }
    }),
  );
});
