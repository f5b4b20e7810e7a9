import { readdirSync, readFileSync } from 'node:fs';
import { hasCode, type CrossfadeError } from '@crossfade/sdk/core/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parsePlan } from './parse-plan.ts';
import { hourMs, Subject, commandOf } from './rollout.fixture.ts';
import { acceptanceMetrics } from './plan.ts';

const examples = new URL('../../../../examples/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, examples), 'utf8');

/** The least that a plan must say. */
const least = {
  name: 'p',
  control: { upstream: 'legacy' },
  candidate: { upstream: 'streaming', build: 'sha256:1' },
  stages: [{ name: 'all', share: 100 }],
};

function refusalOf(input: unknown): string {
  try {
    parsePlan(input);
  } catch (error) {
    if (hasCode(error, 'PLAN_INVALID')) return error.message;
    throw error;
  }
  return 'taken';
}

describe('plans in examples/', () => {
  test.each(readdirSync(examples).filter((name) => /^plan.*\.yaml$/.test(name)))('%s is valid', (name) => {
    expect(() => parsePlan(read(name))).not.toThrow();
  });

  test('plan.yaml walks internal, 10 %, 50 %, 100 % in 48 healthy hours each, and completes', () => {
    const plan = parsePlan(read('plan.yaml'));
    expect(plan.stages.map(({ shareBuckets }) => shareBuckets)).toEqual([0, 10_000, 50_000, 100_000]);
    const subject = new Subject();
    subject.send({ type: 'apply', actor: { kind: 'person', name: 'ana' }, reason: 'new build', plan });
    subject.send(commandOf('start', subject));
    subject.send(commandOf('waive', subject));
    const entered = [subject.nowMs];
    for (let hours = 0; subject.current.phase !== 'completed' && hours < 400; hours++) {
      const stage = subject.current.stageIndex;
      subject.tick(hourMs);
      if (subject.judge('pass').includes('approval-wanted')) subject.send(commandOf('approve', subject));
      if (subject.current.stageIndex !== stage) entered.push(subject.nowMs);
    }
    expect(subject.current.phase).toBe('completed');
    expect(entered).toHaveLength(4);
    for (const [index, atMs] of entered.entries()) {
      if (index > 0) expect(atMs - entered[index - 1]!).toBeGreaterThanOrEqual(48 * hourMs);
    }
  });
});

describe('defaults', () => {
  const plan = parsePlan(least);

  test('a stage bakes 48 hours, and may take three times that', () => {
    expect(plan.stages[0]).toMatchObject({
      bakeMs: 48 * hourMs,
      longestBakeMs: 144 * hourMs,
      approval: false,
    });
  });

  test('the seven acceptance metrics are gates, and must be certified', () => {
    expect(plan.gates).toEqual(acceptanceMetrics.map((metric) => ({ metric, requires: 'certified' })));
  });

  test('guardrails are the acceptance limits; a plan changes single ones and takes single ones off', () => {
    expect(plan.guardrails.limits).toMatchObject({ 'missed-tail': 100, 'error-rate': 0.01 });
    const own = parsePlan({ ...least, guardrails: { limits: { 'missed-tail': 50, 'error-rate': 'off' } } });
    expect(own.guardrails.limits['missed-tail']).toBe(50);
    expect(own.guardrails.limits).not.toHaveProperty('error-rate');
    expect(own.guardrails.limits['orphan-rate']).toBe(0.0005);
  });

  test('acceptance evidence is required, open sessions migrate, the name is the salt', () => {
    expect(plan).toMatchObject({
      acceptance: 'required',
      drain: 'migrate',
      salt: 'p',
      flag: 'transcription',
    });
  });
});

describe('shares', () => {
  test.each([
    [10, 10_000],
    ['12.5 %', 12_500],
    ['0.001%', 1],
    [0.1 + 0.2, 300],
    [33.333, 33_333],
    [100, 100_000],
  ])('%s percent are %d buckets', (share, buckets) => {
    expect(parsePlan({ ...least, stages: [{ name: 'all', share }] }).stages[0]?.shareBuckets).toBe(buckets);
  });

  test('a stage without a share keeps that of the stage before', () => {
    const stages = [{ name: 'a', share: 5 }, { name: 'b' }];
    expect(parsePlan({ ...least, stages }).stages[1]?.shareBuckets).toBe(5_000);
  });
});

describe('a plan is refused whole, with the path, what was expected and what came', () => {
  const stage = (changes: object) => ({ ...least, stages: [{ name: 'all', share: 100, ...changes }] });
  const window = (changes: object) => ({
    ...least,
    freeze: [{ name: 'w', zone: 'UTC', from: '10:00', until: '11:00', ...changes }],
  });

  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /^plan: expected an object, got nothing\.$/],
    ['a number', '42', /^plan: expected an object, got 42\.$/],
    ['broken YAML', 'stages: [', /^plan: expected YAML or JSON, got .* at line 1/],
    ['two documents', '--- 1\n--- 2', /^plan: expected YAML or JSON/],
    ['a field twice', 'name: a\nname: b', /^plan: expected YAML or JSON, got Map keys must be unique/],
    ['no name', { ...least, name: undefined }, /^name: expected small letters.*, got nothing\.$/],
    ['an unknown field', { ...least, stage: [] }, /^stage: expected no such field, got "stage"\.$/],
    ['an unknown field below', stage({ bakes: '1h' }), /^stages\[0\]\.bakes: expected no such field/],
    ['no stage', { ...least, stages: [] }, /^stages: expected at least one stage, got a list of 0\.$/],
    [
      'a share above all',
      stage({ share: 100.001 }),
      /^stages\[0\]\.share: expected a percentage from 0 to 100.*got 100\.001\.$/,
    ],
    ['a share below nothing', stage({ share: -1 }), /^stages\[0\]\.share: expected a percentage/],
    [
      'a share finer than a bucket',
      stage({ share: 0.0005 }),
      /^stages\[0\]\.share: .* steps of 0\.001.*got 0\.0005/,
    ],
    [
      'a share that is a word',
      stage({ share: 'half' }),
      /^stages\[0\]\.share: expected a percentage.*got "half"/,
    ],
    [
      'a share that shrinks',
      {
        ...least,
        stages: [
          { name: 'a', share: 10 },
          { name: 'b', share: 5 },
        ],
      },
      /^stages\[1\]\.share: expected at least 10, .*got 5\.$/,
    ],
    [
      'a bake without a unit',
      stage({ bake: 48 }),
      /^stages\[0\]\.bake: expected a duration such as 48h.*got 48\.$/,
    ],
    [
      'a bake of a thousand years',
      stage({ bake: '365000d' }),
      /^stages\[0\]\.bake: expected a duration of at most 366d/,
    ],
    [
      'a longest bake below the bake',
      stage({ longestBake: '1h' }),
      /^stages\[0\]\.longestBake: expected at least the bake/,
    ],
    [
      'a stage twice',
      { ...least, stages: [{ name: 'a', share: 1 }, { name: 'a' }] },
      /^stages\[1\]\.name: expected a name that no stage before has/,
    ],
    [
      'a first stage with nobody in',
      stage({ share: 0 }),
      /^stages\[0\]: expected a first stage with an audience or a share/,
    ],
    ['a first stage with approval', stage({ approval: true }), /^stages\[0\]\.approval: expected false/],
    [
      'an audience that is not there',
      stage({ audiences: ['staff'] }),
      /^stages\[0\]\.audiences\[0\]: expected an audience of the plan \(there are none\), got "staff"/,
    ],
    [
      'a broken condition',
      { ...least, audiences: { staff: { when: { attribute: 'email', op: 'is', value: 1 } } } },
      /^audiences\.staff\.when\.op: expected one of .*got "is"/,
    ],
    [
      'a circle of audiences',
      { ...least, audiences: { a: { when: { audience: 'b' } }, b: { when: { audience: 'a' } } } },
      /^audiences\./,
    ],
    [
      'an audience without a condition',
      { ...least, audiences: { a: {} } },
      /^audiences\.a\.when: expected a value, got nothing/,
    ],
    [
      'the same variant on both sides',
      { ...least, candidate: { ...least.candidate, variant: 'control' } },
      /^candidate\.variant: expected another variant/,
    ],
    [
      'the same upstream on both sides',
      { ...least, candidate: { ...least.candidate, upstream: 'legacy' } },
      /^candidate\.upstream: expected another upstream/,
    ],
    [
      'a metric that there is not',
      { ...least, gates: [{ metric: 'beauty' }] },
      /^gates\[0\]\.metric: expected one of the metrics .*got "beauty"/,
    ],
    [
      'a gate twice',
      { ...least, gates: [{ metric: 'orphan-rate' }, { metric: 'orphan-rate' }] },
      /^gates\[1\]\.metric: expected a metric that no gate before has/,
    ],
    [
      'a gate at no stage',
      { ...least, gates: [{ metric: 'orphan-rate', liveAtStage: 'b' }] },
      /^gates\[0\]\.liveAtStage: expected a stage of the plan \(all\)/,
    ],
    [
      'a limit that is no number',
      { ...least, guardrails: { limits: { 'missed-tail': 'low' } } },
      /^guardrails\.limits\.missed-tail: expected a number of 0 or more.*got "low"/,
    ],
    [
      'a limit on a metric not judged',
      { ...least, guardrails: { limits: { 'durability-loss': 1 } } },
      /^guardrails\.limits\.durability-loss: expected no such field/,
    ],
    ['a holdback of most', { ...least, holdback: 51 }, /^holdback: expected at most 50 %, got 51 %/],
    [
      'a zone that there is not',
      window({ zone: 'Europe/Atlantis' }),
      /^freeze\[0\]\.zone: expected an IANA time zone/,
    ],
    ['a time of day with no days', window({}), /^freeze\[0\]\.from: expected a local date and time/],
    [
      'a time of day past midnight',
      window({ days: ['mon'], until: '24:01' }),
      /^freeze\[0\]\.until: expected a time of day/,
    ],
    [
      'the 31st of February',
      window({ from: '2026-02-31T00:00', until: '2026-04-01T00:00' }),
      /^freeze\[0\]\.from: expected a local date/,
    ],
    [
      'a window that ends before it begins',
      window({ from: '2026-03-02T00:00', until: '2026-03-01T00:00' }),
      /^freeze\[0\]\.until: expected a time after/,
    ],
    [
      'a webhook to a file',
      { ...least, notifications: [{ webhook: 'file:///etc/passwd' }] },
      /^notifications\[0\]\.webhook: expected an http/,
    ],
    [
      'a report that may be old for ever',
      { ...least, acceptance: { maxAge: 'for ever' } },
      /^acceptance\.maxAge: expected a duration/,
    ],
    [
      'a demand on a metric that no suite measures',
      { ...least, acceptance: { requires: { 'error-rate': 'certified' } } },
      /^acceptance\.requires/,
    ],
    [
      'an unknown word about acceptance',
      { ...least, acceptance: { age: '1d' } },
      /^acceptance\.age: expected no such/,
    ],
    [
      'a notification to nobody',
      { ...least, notifications: [{ on: ['paused'] }] },
      /^notifications\[0\]: expected a target or a webhook/,
    ],
    [
      'a notification to a target and a webhook',
      { ...least, notifications: [{ target: 'oncall', webhook: 'https://example.com/x' }] },
      /^notifications\[0\]: expected a target alone/,
    ],
    [
      'a webhook that is signed with another secret of the machine',
      { ...least, notifications: [{ webhook: 'https://example.com/x', secretFromEnv: 'AWS_SECRET' }] },
      /^notifications\[0\]\.secretFromEnv: expected a variable whose name begins with CROSSFADE_WEBHOOK_/,
    ],
    ['a name with a blank', { ...least, name: 'my plan' }, /^name: expected small letters/],
    ['a name from the prototype', JSON.parse('{"__proto__": 1}'), /expected/],
    ['a text of nine megabytes', ' '.repeat(9 * 2 ** 20), /^plan: expected at most 8388608 characters/],
  ])('%s', (_, input, message) => {
    expect(refusalOf(input)).toMatch(message);
  });

  test('names all the mistakes it found, the first in the sentence', () => {
    try {
      parsePlan({ ...least, drain: 'leave', acceptance: 'maybe' });
      expect.unreachable();
    } catch (error) {
      expect((error as CrossfadeError).message).toMatch(/\(and 1 more\)\.$/);
      expect((error as CrossfadeError).detail?.['mistakes']).toEqual([
        {
          path: 'acceptance',
          expected: 'required, waiver, or an object with rule, maxAge and requires',
          got: '"maybe"',
        },
        { path: 'drain', expected: 'finish, migrate or cut', got: '"leave"' },
      ]);
    }
  });

  test('a getter that throws, a circle, a billion laughs: refused, never thrown on', () => {
    const circle: Record<string, unknown> = { ...least };
    circle['audiences'] = { a: { when: { not: circle } } };
    const laughs = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
      .split('')
      .map((n, i) => `${n}: &${n} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
      .join('\n')}`;
    const thrower = {
      get name() {
        throw new Error('boo');
      },
    };
    for (const input of [
      circle,
      laughs,
      thrower,
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
    ]) {
      expect(refusalOf(input)).toMatch(/expected/);
    }
  });
});

describe('anything at all', () => {
  test('is a plan or PLAN_INVALID', () => {
    fc.assert(
      fc.property(
        fc.anything({ withDate: true, withBigInt: true, withNullPrototype: true, withMap: true }),
        (input) => {
          refusalOf(input);
        },
      ),
    );
  });

  test('put anywhere into a good plan is still a plan or PLAN_INVALID', () => {
    const good = parsePlanInput();
    const paths = pathsOf(good);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.anything(), (path, value) => {
        const copy = structuredClone(good);
        let at: Record<string, unknown> = copy;
        for (const part of path.slice(0, -1)) at = at[part] as Record<string, unknown>;
        at[path.at(-1)!] = value;
        refusalOf(copy);
      }),
      { numRuns: 300 },
    );
  });

  test('that is taken from YAML is taken alike from the object', () => {
    expect(parsePlan(stringify(least))).toEqual(parsePlan(least));
    expect(parsePlan(JSON.stringify(least))).toEqual(parsePlan(least));
  });
});

function parsePlanInput(): Record<string, unknown> {
  return {
    ...least,
    audiences: { staff: { when: { all: [{ attribute: 'a', op: 'exists' }] } } },
    stages: [
      { name: 'a', audiences: ['staff'] },
      { name: 'b', share: 10, bake: '1h', approval: true },
    ],
    gates: [{ metric: 'orphan-rate', liveAtStage: 'b' }],
    guardrails: { minSessions: 5, limits: { 'missed-tail': 5 } },
    freeze: [{ name: 'w', zone: 'UTC', days: ['mon'], from: '10:00', until: '11:00' }],
    notifications: [{ webhook: 'https://example.com/x', on: ['paused'] }, { target: 'oncall' }],
    overrides: { vip: 'candidate' },
  };
}

function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...path, key]));
  return path.length === 0 ? below : [path, ...below];
}
