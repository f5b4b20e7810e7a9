/**
 * A first look at what a decision costs, beside the limit: a hand-written closure with murmur3.
 * Run: npx tsx bench/flags-quick.ts
 */
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { bucketOf, seedsOf } from '../packages/sdk/src/flags/bucket.ts';
import { Evaluator } from '../packages/sdk/src/flags/evaluator.ts';

const users = Array.from({ length: 1_024 }, (_, at) => ({
  targetingKey: `user-${at * 7_919}`,
  country: at % 3 === 0 ? 'DE' : 'CH',
  appVersion: `2.${at % 20}.0`,
}));

const evaluator = new Evaluator({ clock: systemClock });
evaluator.apply({
  schema: 'crossfade.ruleset/1',
  revision: 1,
  audiences: { swiss: { when: { attribute: 'country', op: 'equals', value: 'CH' } } },
  flags: {
    transcriber: {
      variants: { control: 'legacy', candidate: 'streaming' },
      defaultVariant: 'control',
      enabled: true,
      salt: 'transcriber',
      ...(process.argv.includes('--lease') ? { leaseMs: 60_000 } : {}),
      rules: [
        {
          id: 'canary',
          when: { audience: 'swiss' },
          serve: { share: 30_000, slices: [{ variant: 'candidate', start: 0, end: 100_000 }] },
        },
      ],
    },
  },
});
evaluator.heard();

const seed = seedsOf('transcriber').admission;
const byHand = (user: (typeof users)[number]): string =>
  user.country === 'CH' && bucketOf(user.targetingKey, seed) < 30_000 ? 'streaming' : 'legacy';

const rows: readonly (readonly [name: string, decide: (user: (typeof users)[number]) => unknown])[] = [
  ['closure by hand', byHand],
  ['evaluator.value', (user) => evaluator.value('transcriber', user, 'legacy')],
  ['evaluator.evaluate', (user) => evaluator.evaluate('transcriber', user).variant],
];

if (users.some((user) => byHand(user) !== evaluator.value('transcriber', user, '')))
  throw new Error('the rows disagree');

/** CPU nanoseconds a decision, best of the rounds: the least disturbed one. */
function measure(decide: (user: (typeof users)[number]) => unknown): number {
  const passes = 1_000;
  const before = process.cpuUsage();
  let truthy = 0;
  for (let pass = 0; pass < passes; pass++) for (const user of users) if (decide(user)) truthy++;
  const { user, system } = process.cpuUsage(before);
  if (truthy !== passes * users.length) throw new Error('a decision answered nothing');
  return ((user + system) * 1_000) / (passes * users.length);
}

const best = new Map<string, number>();
for (let round = 0; round < 12; round++) {
  for (const [name, decide] of rows) best.set(name, Math.min(best.get(name) ?? Infinity, measure(decide)));
}
const limit = best.get('closure by hand') ?? Number.NaN;
for (const [name, ns] of best)
  console.log(`${name.padEnd(20)} ${ns.toFixed(1).padStart(7)} ns  ${(ns / limit).toFixed(2)}×`);
