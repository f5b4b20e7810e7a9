import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import type { EvaluationContext } from '@crossfade/sdk/flags/ruleset';
import { afterEach, expect, test } from 'vitest';
import { openStockClient, startTestGateway } from './gateway.fixture.ts';
import type { Handshake } from './handshake.ts';
import { audioOf, startScriptedUpstream } from './scripted-upstream.fixture.ts';
import { withUsage } from './usage.ts';

const toClose: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

test('a user who spoke before is known by it: usage decides the next session', async () => {
  const upstreams = [];
  for (const name of ['control', 'candidate']) {
    const upstream = await startScriptedUpstream({});
    toClose.push(upstream);
    upstreams.push({ name, url: upstream.url });
  }
  const when = { all: [{ attribute: 'usage.sessions30d', op: 'atLeast', value: 1 }, { attribute: 'usage.minutes30d', op: 'greaterThan', value: 0 }, { attribute: 'usage.lastSeenAt', op: 'after', value: '2020-01-01' }] } as const; // prettier-ignore
  const variants = { control: 'control', candidate: 'candidate' };
  const rules = [{ id: 'regulars', when: { audience: 'regulars' }, serve: { variant: 'candidate' } }];
  const flag = { variants, defaultVariant: 'control', enabled: true, salt: 's', rules };
  const evaluator = new Evaluator({
    clock: new ManualClock(),
    ruleset: {
      schema: 'crossfade.ruleset/1',
      revision: 1,
      audiences: { regulars: { when } },
      flags: { pipeline: flag },
    },
  });
  const running = await startTestGateway({ upstreams, evaluator });
  toClose.push(running);
  const speak = async (extras: Record<string, string>): Promise<string> => {
    const client = await openStockClient(running.url(extras));
    client.send(audioOf(0, 20));
    client.say('CloseStream');
    await client.closed;
    return (await running.nextRecord()).assignment.variant;
  };

  expect(await speak({ targetingKey: 'ana' })).toBe('control');
  expect(await speak({ targetingKey: 'ana' })).toBe('candidate');
  expect(await speak({ targetingKey: 'bob' })).toBe('control');
  // A client that says so itself is not believed.
  expect(await speak({ targetingKey: 'eve', 'usage.sessions30d': '9', 'usage.minutes30d': '9', 'usage.lastSeenAt': '2026-01-01' })).toBe('control'); // prettier-ignore
});

const handshake = (context: EvaluationContext, userHash: string): Handshake =>
  ({ context, userHash, resume: null }) as unknown as Handshake;
const around = { clock: new ManualClock(Date.UTC(2026, 0, 31)), log: silentLog };

test('minutes, sessions and the last time are attributes; a new user has none of the last', async () => {
  const seen = { sessions30d: 3, audioMs30d: 90_000, lastSeenAtMs: Date.UTC(2026, 0, 30) };
  const sessions = {
    usage: async (userHash: string) =>
      userHash === 'aa' ? seen : { sessions30d: 0, audioMs30d: 0, lastSeenAtMs: null },
  };
  const { context } = await withUsage(handshake({ plan: 'team', usage: 'mine' }, 'aa'), {
    ...around,
    sessions,
  });
  expect(context).toEqual({
    plan: 'team',
    usage: { sessions30d: 3, minutes30d: 1.5, lastSeenAt: '2026-01-30T00:00:00.000Z' },
  });
  expect((await withUsage(handshake({}, 'bb'), { ...around, sessions })).context).toEqual({
    usage: { sessions30d: 0, minutes30d: 0 },
  });
});

test('without a user, or without an answer of the store, a session is decided without usage', async () => {
  const refusing = {
    usage: () => Promise.reject(new CrossfadeError('STORE_UNAVAILABLE', 'Expected a store.')),
  };
  for (const userHash of ['', 'aa']) {
    const { context } = await withUsage(handshake({ plan: 'team', 'usage.sessions30d': '5' }, userHash), {
      ...around,
      sessions: refusing,
    });
    expect(context).toEqual({ plan: 'team' });
  }
});
