import { defineFlags, Evaluator, systemClock, validateRuleset } from '@crossfade/sdk';

// What this app can handle: a misspelt flag or variant does not compile, and another shape of value is never answered.
const flags = defineFlags({
  captions: { variants: { off: { lines: 0 }, on: { lines: 2 } }, defaultVariant: 'off' },
});

const ruleset = validateRuleset({
  schema: 'crossfade.ruleset/1',
  revision: 1,
  audiences: {
    regulars: { when: { attribute: 'usage.sessions30d', op: 'atLeast', value: 10 } },
  },
  flags: {
    captions: {
      variants: { off: { lines: 0 }, on: { lines: 2 } },
      defaultVariant: 'off',
      enabled: true,
      salt: 'captions',
      rules: [
        { id: 'regulars', when: { audience: 'regulars' }, serve: { variant: 'on' } },
        // 0.5 % of everybody else, by organisation, so that colleagues see the same.
        {
          id: 'few',
          serve: { share: 500, slices: [{ variant: 'on', start: 0, end: 100_000 }], by: 'org.id' },
        },
      ],
    },
  },
});

const evaluator = new Evaluator({ clock: systemClock, ruleset });
const decide = flags.with(evaluator);
console.log(decide.value('captions', { usage: { sessions30d: 12 } }).lines);
console.log(decide.evaluate('captions', { org: { id: 'acme' } }).reason);
console.log(evaluator.explain('captions', { org: { id: 'acme' } }));
