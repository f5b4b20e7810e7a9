import { expect, test } from 'vitest';
import schema from '../../schema/ruleset.schema.json' with { type: 'json' };
import { messageOf } from '../core/errors.ts';
import { operators } from './ruleset.ts';
import { validateRuleset } from './validate.ts';

type Node = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeTests: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

/** Each keyword the schema uses: whether `value` satisfies `wanted`, beside the other keywords in `node`. */
const keywords: Readonly<Record<string, (wanted: never, value: unknown, node: Node) => boolean>> = {
  $ref: (wanted: string, value) => accepts(definition(wanted), value),
  type: (wanted: string | string[], value) => [wanted].flat().some((name) => typeTests[name]?.(value)),
  const: (wanted: unknown, value) => wanted === value,
  enum: (wanted: unknown[], value) => wanted.includes(value),
  not: (wanted: Node, value) => !accepts(wanted, value),
  oneOf: (wanted: Node[], value) => wanted.filter((one) => accepts(one, value)).length === 1,
  required: (wanted: string[], value) =>
    !isObject(value) || wanted.every((name) => Object.hasOwn(value, name)),
  properties: (wanted: Record<string, Node>, value) =>
    !isObject(value) ||
    Object.entries(wanted).every(([name, one]) => !Object.hasOwn(value, name) || accepts(one, value[name])),
  additionalProperties: (wanted: false | Node, value, node) => {
    if (!isObject(value)) return true;
    const others = Object.keys(value).filter(
      (name) => !isObject(node['properties']) || !Object.hasOwn(node['properties'], name),
    );
    return others.every((name) => wanted !== false && accepts(wanted, value[name]));
  },
  propertyNames: (wanted: Node, value) =>
    !isObject(value) || Object.keys(value).every((name) => accepts(wanted, name)),
  items: (wanted: Node, value) => !Array.isArray(value) || value.every((one) => accepts(wanted, one)),
  maxItems: (wanted: number, value) => !Array.isArray(value) || value.length <= wanted,
  minimum: (wanted: number, value) => typeof value !== 'number' || value >= wanted,
  maximum: (wanted: number, value) => typeof value !== 'number' || value <= wanted,
  minLength: (wanted: number, value) => typeof value !== 'string' || value.length >= wanted,
  maxLength: (wanted: number, value) => typeof value !== 'string' || value.length <= wanted,
  pattern: (wanted: string, value) => typeof value !== 'string' || new RegExp(wanted, 'u').test(value),
};
const annotations = new Set(['$schema', '$id', '$defs', 'title', 'description']);

function definition(reference: string): Node {
  const found = (schema.$defs as Record<string, Node>)[reference.replace('#/$defs/', '')];
  if (found === undefined) throw new Error(`no definition ${reference}`);
  return found;
}

function accepts(node: Node, value: unknown): boolean {
  return Object.entries(node).every(([keyword, wanted]) => {
    if (annotations.has(keyword)) return true;
    const check = keywords[keyword];
    if (check === undefined) throw new Error(`this checker does not know "${keyword}"`);
    return check(wanted as never, value, node);
  });
}

const comparison = { attribute: 'x', op: 'equals', value: 'y' };
const whole = {
  schema: 'crossfade.ruleset/1',
  revision: 1,
  audiences: {
    staff: { description: 'us', when: { any: [comparison, { not: { attribute: 'x', op: 'exists' } }] } },
    all: { when: { all: [{ audience: 'staff' }] } },
  },
  flags: {
    f: {
      variants: { off: 0, on: { a: [1] } },
      defaultVariant: 'off',
      enabled: true,
      salt: 's',
      overrides: { bob: 'on' },
      rules: [
        { id: 'a', when: { audience: 'all' }, serve: { variant: 'on' } },
        { id: 'b', serve: { share: 9, slices: [{ variant: 'on', start: 0, end: 100_000 }], by: 'org.id' } },
      ],
      leaseMs: 60_000,
      rollout: { name: 'r', epoch: 0, controlVariant: 'off', candidateVariant: 'on', candidateBuild: 'b' },
      metadata: { owner: 'x' },
    },
  },
  drains: [{ id: 'd', rollout: 'r', flag: 'f', variant: 'on', policy: 'cut' }],
};
const operands = [
  'x',
  '',
  5,
  -1,
  1.5,
  true,
  null,
  [],
  ['x', 1, null],
  [[1]],
  {},
  '2026-01-01',
  '1.2.3',
  undefined,
];
const replacements = [
  'x',
  '',
  'on',
  'constructor',
  5,
  -1,
  1.5,
  1e9,
  true,
  null,
  [],
  ['x'],
  {},
  { variant: 'on' },
  undefined,
];

/** The document with one place after the other deleted, replaced, or given a field too many. */
function* variations(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) return;
  if (isObject(value)) yield { ...value, surplus: 1 };
  for (const name of Object.keys(value)) {
    const put = (inner: unknown): unknown => {
      const copy = structuredClone(value) as Record<string, unknown>;
      if (inner !== undefined) copy[name] = inner;
      else if (Array.isArray(copy)) copy.splice(Number(name), 1);
      else delete copy[name];
      return copy;
    };
    for (const replacement of replacements) yield put(replacement);
    for (const inner of variations((value as Node)[name])) yield put(inner);
  }
}

function refusalOf(document: unknown): string | undefined {
  try {
    validateRuleset(document);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What a schema cannot say; the schema's description lists the same. */
const beyondSchema =
  /a variant of this flag|an audience of this ruleset|do not name themselves|whole number from \d+ to 100000|slice that begins|no other|ISO 8601|a version such as|each step|not special to JavaScript/;

test('schema and validator agree on a whole document with any one place changed', () => {
  expect([accepts(schema, whole), refusalOf(whole)]).toEqual([true, undefined]);
  let refusedByBoth = 0;
  const disagreements: unknown[] = [];
  for (const document of variations(whole)) {
    const refusal = refusalOf(document);
    const accepted = accepts(schema, document);
    if (!accepted && refusal !== undefined) refusedByBoth++;
    else if (accepted !== (refusal === undefined) && !beyondSchema.test(refusal ?? ''))
      disagreements.push({ document, accepted, refusal });
  }
  expect(disagreements).toEqual([]);
  expect(refusedByBoth).toBeGreaterThan(300);
});

test('schema and validator agree on each operator with each kind of value', () => {
  const disagreements: unknown[] = [];
  for (const op of [...operators, 'equal']) {
    for (const value of operands) {
      const when = value === undefined ? { attribute: 'x', op } : { attribute: 'x', op, value };
      const document = { schema: 'crossfade.ruleset/1', revision: 0, flags: {}, audiences: { a: { when } } };
      const refusal = refusalOf(document);
      const accepted = accepts(schema, document);
      if (accepted !== (refusal === undefined) && !beyondSchema.test(refusal ?? ''))
        disagreements.push({ when, accepted, refusal });
    }
  }
  expect(disagreements).toEqual([]);
});

test('the check of agreement can fail: a schema without a rule disagrees', () => {
  const { required: _, ...careless } = schema;
  const document = { schema: 'crossfade.ruleset/1', revision: 0, flags: {} };
  expect([accepts(careless, document), accepts(schema, document), refusalOf(document) === undefined]).toEqual(
    [true, false, false],
  );
});
