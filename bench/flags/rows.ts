import { createRequire } from 'node:module';
import { bucketOf, Evaluator, seedsOf, systemClock, type Ruleset } from '@crossfade/sdk';
import { candidate, control, country, flagKey, share, type User } from './scenario.ts';

/** One way to decide. `decide` gets what `contextOf` made of a user, before the clock starts. */
export interface Decider {
  readonly contextOf: (user: User) => unknown;
  readonly decide: (context: never) => string | Promise<string>;
  readonly close?: () => void;
}

/** `value`: the variant's value alone. `result`: with reason and what else the library says of a decision. */
export const rows: Readonly<Record<string, () => Decider | Promise<Decider>>> = {
  'closure value': () => byHand(),
  'crossfade value': () => crossfadeValue(evaluator()),
  'crossfade result': () => crossfadeResult(evaluator()),
  'closure, lease value': () => byHandWithLease(),
  'crossfade, lease value': () => crossfadeValue(evaluator(60_000)),
  'crossfade, lease result': () => crossfadeResult(evaluator(60_000)),
  'flagd-core value': () => flagd('value'),
  'flagd-core result': () => flagd('result'),
  'LaunchDarkly value': () => launchDarkly('value'),
  'LaunchDarkly result': () => launchDarkly('result'),
  'Unleash value': () => unleash('value'),
  'Unleash result': () => unleash('result'),
  'GrowthBook value': () => growthBook('value'),
  'GrowthBook result': () => growthBook('result'),
};

type Part = 'value' | 'result';
const same = (user: User): User => user;

/** The limit: what somebody would write who knows the rule by heart. */
function byHand(): Decider {
  const seed = seedsOf(flagKey).admission;
  const admitted = share * 100_000;
  const decide = (user: User): string =>
    user.country === country && bucketOf(user.targetingKey, seed) < admitted ? candidate : control;
  return { contextOf: same, decide };
}

/** The same with the lease's promise: the candidate is served only while the control plane was heard lately. */
function byHandWithLease(): Decider {
  const plain = byHand().decide as (user: User) => string;
  const heardAtMs = Date.now();
  const decide = (user: User): string =>
    plain(user) === candidate && Date.now() - heardAtMs < 3_600_000 ? candidate : control;
  return { contextOf: same, decide };
}

export function rulesetOf(leaseMs?: number): Ruleset {
  const canary = {
    id: 'canary',
    when: { audience: 'swiss' },
    serve: { share: share * 100_000, slices: [{ variant: 'candidate', start: 0, end: 100_000 }] },
  };
  return {
    schema: 'crossfade.ruleset/1',
    revision: 1,
    audiences: { swiss: { when: { attribute: 'country', op: 'equals', value: country } } },
    flags: {
      [flagKey]: {
        variants: { control, candidate },
        defaultVariant: 'control',
        enabled: true,
        salt: flagKey,
        ...(leaseMs === undefined ? {} : { leaseMs }),
        rules: [canary],
      },
    },
  };
}

function evaluator(leaseMs?: number): Evaluator {
  const one = new Evaluator({ clock: systemClock, ruleset: rulesetOf(leaseMs) });
  one.heard();
  // As a control plane that is there does it.
  if (leaseMs !== undefined) setInterval(() => one.heard(), 10_000).unref();
  return one;
}

function crossfadeValue(one: Evaluator): Decider {
  return { contextOf: same, decide: (user: User) => one.value(flagKey, user, control) as string };
}

function crossfadeResult(one: Evaluator): Decider {
  const decide = (user: User): string => {
    const { value, reason, revision } = one.evaluate(flagKey, user);
    return reason === 'ERROR' || revision !== 1 ? '' : (value as string);
  };
  return { contextOf: same, decide };
}

// -- the others, by the few methods we call: their packages are installed beside this file only -----------------------

const load = createRequire(import.meta.url) as (name: string) => unknown;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

interface Answered {
  readonly value: string;
  readonly reason: unknown;
}

function flagd(part: Part): Decider {
  type Core = new (
    storage: undefined,
    logger: unknown,
  ) => {
    setConfigurations(text: string): unknown;
    resolveStringEvaluation(flag: string, fallback: string, context: User, logger: unknown): Answered;
  };
  const { FlagdCore } = load('@openfeature/flagd-core') as { readonly FlagdCore: Core };
  const core = new FlagdCore(undefined, silent);
  const split = { fractional: [{ var: 'targetingKey' }, ['candidate', 30], ['control', 70]] };
  const targeting = { if: [{ '==': [{ var: 'country' }, country] }, split, 'control'] };
  const variants = { control, candidate };
  const flag = { state: 'ENABLED', variants, defaultVariant: 'control', targeting };
  core.setConfigurations(JSON.stringify({ flags: { [flagKey]: flag } }));
  const resolve = (user: User): Answered => core.resolveStringEvaluation(flagKey, control, user, silent);
  // It has no call for the value alone.
  return { contextOf: same, decide: (user: User) => read(resolve(user), part) };
}

function read({ value, reason }: Answered, part: Part): string {
  return part === 'result' && reason === 'ERROR' ? '' : value;
}

async function launchDarkly(part: Part): Promise<Decider> {
  interface Client {
    waitForInitialization(options: { readonly timeout: number }): Promise<unknown>;
    variation(flag: string, context: unknown, fallback: string): Promise<string>;
    variationDetail(flag: string, context: unknown, fallback: string): Promise<Answered>;
    close(): void;
  }
  const { init } = load('@launchdarkly/node-server-sdk') as {
    readonly init: (key: string, options: object) => Client;
  };
  const { TestData } = load('@launchdarkly/node-server-sdk/integrations') as {
    readonly TestData: new () => { usePreconfiguredFlag(flag: object): void; getFactory(): unknown };
  };
  const data = new TestData();
  const clause = { attribute: 'country', op: 'in', values: [country], contextKind: 'user' };
  const weights = [
    { variation: 1, weight: 30_000 },
    { variation: 0, weight: 70_000 },
  ];
  data.usePreconfiguredFlag({
    key: flagKey, version: 1, on: true, salt: flagKey, variations: [control, candidate], offVariation: 0,
    rules: [{ id: 'canary', clauses: [clause], rollout: { contextKind: 'user', variations: weights } }],
    fallthrough: { variation: 0 },
  }); // prettier-ignore
  const options = { updateProcessor: data.getFactory(), sendEvents: false, diagnosticOptOut: true };
  const client = init('sdk-key', { ...options, logger: silent });
  await client.waitForInitialization({ timeout: 10 });
  const contextOf = ({ targetingKey, ...attributes }: User): unknown => ({
    kind: 'user',
    key: targetingKey,
    ...attributes,
  });
  const value = (context: unknown) => client.variation(flagKey, context, control);
  const result = async (context: unknown) =>
    read(await client.variationDetail(flagKey, context, control), part);
  return { contextOf, decide: part === 'value' ? value : result, close: () => client.close() };
}

async function unleash(part: Part): Promise<Decider> {
  interface Client {
    on(event: string, listener: () => void): void;
    isEnabled(flag: string, context: unknown): boolean;
    getVariant(flag: string, context: unknown): { readonly enabled: boolean; readonly name: string };
    destroy(): void;
  }
  const { Unleash } = load('unleash-client') as { readonly Unleash: new (options: object) => Client };
  const strategy = {
    name: 'flexibleRollout',
    parameters: { rollout: '30', stickiness: 'userId', groupId: flagKey },
    constraints: [{ contextName: 'country', operator: 'IN', values: [country] }],
    variants: [{ name: candidate, weight: 1_000, stickiness: 'userId', weightType: 'variable' }],
  };
  const feature = { name: flagKey, type: 'release', enabled: true, strategies: [strategy], variants: [] };
  const client = new Unleash({
    appName: 'bench', url: 'http://127.0.0.1:9/', refreshInterval: 0, disableMetrics: true,
    bootstrap: { data: [feature] }, skipInstanceCountWarning: true, storageProvider: nothingStored,
  }); // prettier-ignore
  // It asks its server once, and nobody answers there.
  client.on('error', () => undefined);
  client.on('warn', () => undefined);
  await new Promise<void>((resolve) => client.on('ready', resolve));
  const contextOf = ({ targetingKey, ...properties }: User): unknown => ({
    userId: targetingKey,
    properties,
  });
  const value = (context: unknown) => (client.isEnabled(flagKey, context) ? candidate : control);
  const result = (context: unknown) => {
    const { enabled, name } = client.getVariant(flagKey, context);
    return enabled ? name : control;
  };
  return { contextOf, decide: part === 'value' ? value : result, close: () => client.destroy() };
}

/** Where Unleash would keep its last flags across a restart. */
const nothingStored = { set: async () => undefined, get: async () => undefined };

function growthBook(part: Part): Decider {
  interface Client {
    initSync(options: object): Client;
    getFeatureValue(flag: string, fallback: string, context: unknown): string;
    evalFeature(flag: string, context: unknown): { readonly value: string; readonly source: string };
  }
  const { GrowthBookClient } = load('@growthbook/growthbook') as {
    readonly GrowthBookClient: new (options: object) => Client;
  };
  const rule = { condition: { country }, force: candidate, coverage: share, hashAttribute: 'targetingKey', seed: flagKey, hashVersion: 2 }; // prettier-ignore
  const features = { [flagKey]: { defaultValue: control, rules: [rule] } };
  const client = new GrowthBookClient({}).initSync({ payload: { features } });
  const value = (context: unknown) => client.getFeatureValue(flagKey, control, context);
  const result = (context: unknown) => {
    const { value: answered, source } = client.evalFeature(flagKey, context);
    return source === 'unknownFeature' ? '' : answered;
  };
  return { contextOf: (user) => ({ attributes: user }), decide: part === 'value' ? value : result };
}
