import type { EvaluationResult, Flag } from '@crossfade/sdk/flags/ruleset';
import { describe, expect, it } from 'vitest';
import { parseSystemConfig } from '../system-config.ts';
import { controlOf, keysFrom, upstreamsOf } from './gateway.ts';

const config = parseSystemConfig(
  `
pipelines:
  - { name: legacy, kind: legacy, build: legacy-1 }
upstreams:
  - { name: vendor, url: "wss://api.example.com", keyFromEnv: VENDOR_KEY, tiles: false }
  - { name: own, url: "ws://10.0.0.7:9000/asr" }
`,
  'crossfade.yaml',
);
const addresses = { host: '127.0.0.1', controlPort: 1, gatewayPort: 2, pipelinePorts: { legacy: 3 } };

describe("the gateway's upstreams", () => {
  it('are the own pipelines at their fixed ports, and the outside ones at their addresses', () => {
    const upstreams = upstreamsOf(config, addresses, { VENDOR_KEY: ' secret ' });
    expect(upstreams).toMatchObject([
      { name: 'legacy', url: 'ws://127.0.0.1:3/v1/listen' },
      {
        name: 'vendor',
        url: 'wss://api.example.com/v1/listen',
        headers: { Authorization: 'Token secret' },
        tiles: false,
      },
      { name: 'own', url: 'ws://10.0.0.7:9000/asr', tiles: true },
    ]);
  });

  it('take the models that their pipeline was given, so that a name of another engine is left out', () => {
    const pipelines = config.pipelines.map((each) => ({ ...each, engines: ['pocketsphinx' as const] }));
    const env = { VENDOR_KEY: 'secret' };
    expect(upstreamsOf({ ...config, pipelines }, addresses, env)[0]?.models).toEqual(['pocketsphinx']);
    expect(upstreamsOf(config, addresses, env)[0]?.models).toContain('tone');
  });

  it('say which environment variable lacks a key', () => {
    expect(() => upstreamsOf(config, addresses, {})).toThrow(/environment variable VENDOR_KEY/);
  });
});

describe("the gateway's keys", () => {
  it('are none unless the configuration names a variable, and must then be there', () => {
    expect(keysFrom(undefined, {})).toEqual([]);
    expect(keysFrom('KEYS', { KEYS: 'one, two,' })).toEqual(['one', 'two']);
    expect(() => keysFrom('KEYS', {})).toThrow(/environment variable KEYS/);
  });
});

describe('the control side of a decision', () => {
  const flag: Flag = {
    variants: { before: 'streaming', after: 'streaming-next' },
    defaultVariant: 'before',
    enabled: true,
    salt: 's',
    rules: [],
  };
  const decision: EvaluationResult = {
    value: 'streaming-next',
    variant: 'after',
    reason: 'SPLIT',
    revision: 1,
  };

  it("is the upstream of its rollout's control variant", () => {
    const rollout = { name: 'second', epoch: 1, controlVariant: 'before', candidateVariant: 'after' };
    expect(controlOf(flag, { ...decision, rollout })).toBe('streaming');
  });

  it('is not known without a rollout or without the flag', () => {
    expect(controlOf(flag, decision)).toBeUndefined();
    const rollout = { name: 'second', epoch: 1, controlVariant: 'before', candidateVariant: 'after' };
    expect(controlOf(undefined, { ...decision, rollout })).toBeUndefined();
  });
});
