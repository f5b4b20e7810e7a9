import { expect, test } from 'vitest';
import { needsMask, upstreamUrl } from './upstream.ts';

const query = new URLSearchParams('model=nova-3&sample_rate=16000&extra=targetingKey:u1&extra=ack:1');
const pipeline = { name: 'pipeline', url: 'ws://127.0.0.1:1/v1/listen' };

test('an upstream gets the query of the client without what is meant for the gateway', () => {
  expect(upstreamUrl(pipeline, query)).toBe('ws://127.0.0.1:1/v1/listen?model=nova-3&sample_rate=16000');
});

test('a model that the upstream does not know is left out, a known one stays', () => {
  expect(upstreamUrl({ ...pipeline, models: ['tone'] }, query)).toBe(
    'ws://127.0.0.1:1/v1/listen?sample_rate=16000',
  );
  expect(upstreamUrl({ ...pipeline, models: ['tone', 'nova-3'] }, query)).toContain('model=nova-3');
});

test('configured parameters replace those of the client', () => {
  expect(upstreamUrl({ ...pipeline, models: ['tone'], query: { model: 'general' } }, query)).toContain(
    'model=general',
  );
});

test.each([
  ['ws://127.0.0.1:9000/v1/listen', false],
  ['ws://localhost/v1/listen', false],
  ['ws://[::1]:80/', false],
  ['wss://api.example.com/v1/listen', false],
  ['ws://10.0.0.7/v1/listen', true],
  ['ws://127.0.0.1.example.com/', true],
])('frames to %s are masked by chance: %s', (url, expected) => {
  expect(needsMask(url)).toBe(expected);
});
