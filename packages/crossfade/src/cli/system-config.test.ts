import { describe, expect, it } from 'vitest';
import { defaultSystemConfig, parseSystemConfig } from './system-config.ts';

const good = `
pipelines:
  - { name: legacy, kind: legacy, build: legacy-1 }
upstreams:
  - { name: vendor, url: "wss://api.example.com", keyFromEnv: VENDOR_KEY }
control: vendor
`;

function refusal(text: string): string {
  try {
    parseSystemConfig(text, 'crossfade.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

describe('parseSystemConfig', () => {
  it('fills in what a file leaves out', () => {
    expect(parseSystemConfig(good, 'crossfade.yaml')).toMatchObject({
      flag: 'transcription',
      control: 'vendor',
      gateway: { host: '127.0.0.1', port: 8_770, keepAudio: '7d', keepSessions: '90d' },
      pipelines: [{ name: 'legacy', autostart: true }],
    });
  });

  it('has a default of two pipelines, so that no file is needed', () => {
    expect(defaultSystemConfig.pipelines.map(({ name }) => name)).toEqual(['legacy', 'streaming']);
  });

  it.each([
    ['an unknown key', `${good}\nport: 80`, /: port: expected no such key/],
    [
      'an unknown kind',
      good.replace('kind: legacy', 'kind: batch'),
      /pipelines\[0\]\.kind: expected one of legacy, streaming, got "batch"/,
    ],
    [
      'an upstream that is named twice',
      good.replace('name: vendor', 'name: legacy'),
      /"legacy" is named twice/,
    ],
    [
      'an address that is no WebSocket',
      good.replace('wss:', 'https:'),
      /upstreams\[0\]\.url: expected a ws:/,
    ],
    [
      'a control that is not there',
      good.replace('control: vendor', 'control: other'),
      /control: expected one of legacy, vendor/,
    ],
    ['no upstream at all', 'flag: transcription', /pipelines: expected at least one/],
    [
      'a port that is none',
      `${good}\ngateway: { port: 70000 }`,
      /gateway\.port: expected at most 65535, got 70000/,
    ],
    [
      'a text for a number',
      `${good}\ngateway: { port: many }`,
      /gateway\.port: expected a number, got "many"/,
    ],
    [
      'a time to keep sessions that is none',
      `${good}\ngateway: { keepSessions: forever }`,
      /gateway\.keepSessions: expected a duration such as 7d, 48h or 90m/,
    ],
    [
      'a pipeline without a build',
      good.replace(', build: legacy-1', ''),
      /build: expected a text, got nothing/,
    ],
    ['a key in the file', good.replace('keyFromEnv', 'key'), /upstreams\[0\]\.key: expected no such key/],
    ['text that is not YAML', 'pipelines: [', /Expected YAML in crossfade.yaml/],
    [
      'a key that stands twice',
      `${good}\ncontrol: legacy`,
      /Expected YAML in crossfade.yaml, got: Map keys must be unique/,
    ],
  ])('refuses %s and names the place', (_, text, sentence) => {
    expect(refusal(text)).toMatch(sentence);
  });
});
