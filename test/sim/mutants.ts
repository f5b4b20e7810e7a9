import { compileRuleset } from '@crossfade/sdk/flags/compile';
import { evaluate } from '@crossfade/sdk/flags/evaluate';
import { EvaluatorRegistry } from '../../packages/crossfade/src/controller/evaluator-registry.ts';
import type { RolloutManager } from '../../packages/crossfade/src/controller/rollout-manager.ts';
import { verdictRules } from '../../packages/crossfade/src/rollout/verdict.ts';
import type { RolloutStore } from '../../packages/crossfade/src/store/store.ts';
import type { SimGateway } from './gateway.ts';
import type { Setting } from './setting.ts';

/** A defect on purpose: the simulation must find each, or it finds nothing. */
export interface Mutant {
  readonly name: string;
  /** What the checker says of it. */
  readonly found: RegExp;
  /** Changes code that every world shares; answers how to take it back. */
  readonly plant?: () => () => void;
  readonly store?: (store: RolloutStore) => RolloutStore;
  readonly manager?: (manager: RolloutManager) => RolloutManager;
  readonly gateway?: (gateway: SimGateway) => void;
  /** A world in which it shows soon. */
  readonly world?: Partial<Setting>;
}

/** Nothing goes wrong but what is asked for, so that what is found is that. */
export const calm: Partial<Setting> = {
  durationMs: 3_600_000,
  bake: '5m',
  gateways: 2,
  storeFails: 0,
  storeIsSlow: 0,
  storeKills: 0,
  recordIsLate: 0,
  recordLost: 0,
  killEveryMs: 0,
  partitionEveryMs: 0,
  allCutOffEveryMs: 0,
  clockStepEveryMs: 0,
  operatorEveryMs: 0,
  withApproval: false,
  quality: 'good',
};

/** Cut off again and again, the candidate bad, and all who are told of it far away. */
const cutOff: Partial<Setting> = { ...calm, quality: 'bad', gateways: 3, partitionEveryMs: 120_000 };

export const mutants: readonly Mutant[] = [
  {
    name: 'promotes on inconclusive',
    world: { ...calm, sessionEveryMs: 15_000, operatorEveryMs: 60_000, operatorsRollBack: false },
    found: /was promoted (by hand )?on (inconclusive|no-data)/,
    plant: () => plantRule('inconclusive'),
  },
  {
    name: 'promotes on no data',
    world: { ...calm, sessionEveryMs: 90_000, gateways: 1 },
    found: /was promoted (by hand )?on no-data/,
    plant: () => plantRule('no-data'),
  },
  {
    name: 'a lease is ignored',
    world: cutOff,
    found: /admits to .* after its rollback began/,
    gateway: (gateway) => {
      const { evaluator } = gateway;
      const admit = gateway.admit.bind(gateway);
      gateway.admit = (flag, nowMs) => {
        evaluator.heard();
        return admit(flag, nowMs);
      };
    },
  },
  {
    name: 'an event is stored twice',
    world: calm,
    found: /went from|is not the fold|at revision/,
    store: (store) =>
      over(store, 'append', async (stream, revision, events, outbox, atMs) =>
        store.append(
          stream,
          revision,
          events.flatMap((event) => (event.type === 'stage-entered' ? [event, event] : [event])),
          outbox,
          atMs,
        ),
      ),
  },
  {
    name: 'a notice that did not leave is taken for sent',
    world: { ...calm, senderFails: 0.5 },
    found: /nobody was told of/,
    store: (store) => over(store, 'settleOutbox', (id) => store.settleOutbox(id, { is: 'sent' })),
  },
  {
    name: 'notices are forgotten at an append',
    world: calm,
    found: /nobody was told of/,
    store: (store) =>
      over(store, 'append', (stream, revision, events, outbox, atMs) =>
        store.append(stream, revision, events, outbox.slice(1), atMs),
      ),
  },
  {
    name: 'a restart forgets a rollback',
    world: { ...cutOff, partitionEveryMs: 0, killEveryMs: 120_000 },
    found: /after its rollback began|under revision|is not the fold|at revision|still rolling back/,
    store: (store) =>
      over(store, 'read', async (options) =>
        (await store.read(options)).filter(({ type }) => type !== 'rollback-started'),
      ),
  },
  {
    name: 'time that nobody saw is baked',
    // Sessions enough that a look passes in spite of the time in which nothing matured.
    world: { ...calm, bake: '10m', sessionEveryMs: 300, partitionEveryMs: 100_000, gateways: 1 },
    found: /observed of/,
    manager: (manager) => {
      const tell = manager.tell.bind(manager);
      manager.tell = (name, command) => {
        if (command.type !== 'tick') return tell(name, command);
        const { stop: _, ...tick } = command;
        return tell(name, { ...tick, healthyMs: 86_400_000 });
      };
      return manager;
    },
  },
  {
    name: 'sessions mature while no gateway is heard',
    world: { ...calm, sessionEveryMs: 2_000, allCutOffEveryMs: 600_000 },
    found: /was good, and was taken back/,
    plant: () => {
      const silent = Object.getOwnPropertyDescriptor(EvaluatorRegistry.prototype, 'gatewaySilentMs')!;
      Object.defineProperty(EvaluatorRegistry.prototype, 'gatewaySilentMs', { ...silent, get: () => 0 });
      return () => Object.defineProperty(EvaluatorRegistry.prototype, 'gatewaySilentMs', silent);
    },
  },
  {
    name: 'a share is said to have given control while leases are over',
    world: { ...calm, durationMs: 7_200_000, bake: '10m', sessionEveryMs: 2_000, allCutOffEveryMs: 600_000 },
    found: /was good, and was taken back/,
    gateway: ({ evaluator }) => {
      const decide = evaluator.evaluate.bind(evaluator);
      evaluator.evaluate = (flag, context) => {
        const result = decide(flag, context);
        const { ruleset } = evaluator;
        if (result.reason !== 'STALE' || ruleset === undefined) return result;
        const heard = evaluate(compileRuleset(ruleset), flag, context);
        return heard.variant === result.variant ? heard : result;
      };
    },
  },
  {
    name: 'the judge cannot roll back',
    world: { ...calm, quality: 'bad' },
    found: /is bad, and was promoted|never taken back/,
    plant: () => {
      const rules = verdictRules as unknown as Record<string, { exposure: string; promotes: boolean }>;
      const fail = { ...rules['fail']! };
      Object.assign(rules['fail']!, { exposure: 'as-planned' });
      return () => Object.assign(rules['fail']!, fail);
    },
  },
  {
    name: 'an evaluator is taken for one that acknowledged',
    world: cutOff,
    found: /acknowledged .* and admits/,
    manager: (manager) => {
      const stopRevision = manager.stopRevision.bind(manager);
      manager.stopRevision = (name) => (stopRevision(name) === null ? null : 0);
      return manager;
    },
  },
];

function plantRule(verdict: 'inconclusive' | 'no-data'): () => void {
  const rule = verdictRules[verdict] as { promotes: boolean; bake: string };
  const before = { ...rule };
  Object.assign(rule, { promotes: true, bake: 'runs' });
  return () => Object.assign(rule, before);
}

/** The same store, one method replaced. */
function over<Name extends keyof RolloutStore>(
  store: RolloutStore,
  name: Name,
  method: RolloutStore[Name],
): RolloutStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === name) return method;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
