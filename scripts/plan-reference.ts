import { operators } from '@crossfade/sdk/flags/ruleset';
import type { SchemaNode } from '../packages/crossfade/src/rollout/plan-schema.ts';

/** `docs/plan-reference.md`: every field of a plan, from its JSON Schema, around an example that tests run. */
export function planReference(schema: SchemaNode, example: string): string {
  return `${[
    '# Plan reference',
    '<!-- Made by scripts/generate-docs.ts from the schema of plans: change packages/crossfade/src/rollout/plan-schema.ts, then run `npx tsx scripts/generate-docs.ts`. -->',
    'A plan says how a candidate is rolled out. It is one YAML or JSON document, valid as a whole or refused as a whole: the refusal names the place, what was expected and what came. Unknown fields are refused.',
    'Durations are written `48h`, `90s`, `250ms`, `1h30m`. Shares are percentages in steps of 0.001: `10`, `12.5`, `"0.001 %"`.',
    'Editors complete and check a plan by `packages/crossfade/schema/plan.schema.json`; begin a file with `# yaml-language-server: $schema=` and the path to it.',
    '## An example',
    `\`\`\`yaml\n${example.trim()}\n\`\`\``,
    ...tables('The plan', '', schema),
    '## Conditions',
    'The `when` of an audience is a comparison, or `all`, `any` (lists of conditions), `not` (one), or `audience` (another by name; circles are refused).',
    `A comparison is \`{ attribute, op, value }\`. \`attribute\` is a dotted path into what the app knows of the user; \`targetingKey\` names the key itself. \`op\` is one of ${operators.map((operator) => `\`${operator}\``).join(', ')}. What cannot be compared does not match.`,
    '## What a schema cannot say',
    [
      '- Shares do not shrink from stage to stage, and an audience that is in stays in.',
      '- The first stage has an audience or a share, and no approval: acceptance opens it.',
      '- Audiences and stages that are named exist; each gate names its metric once.',
      '- Control and candidate differ in variant and upstream; the holdback is at most 50 %.',
      '- `longestBake` is at least `bake`; patterns and versions in conditions can be read; time zones exist.',
    ].join('\n'),
  ].join('\n\n')}\n`;
}

/** A table of one object's fields, then those of the objects below it, each under its path. */
function tables(title: string, path: string, node: SchemaNode): readonly string[] {
  const fields = Object.entries((node['properties'] ?? {}) as Readonly<Record<string, SchemaNode>>);
  const required = new Set((node['required'] ?? []) as readonly string[]);
  const rows = fields.map(([name, field]) => {
    const must = required.has(name) ? 'required' : defaultOf(field);
    return `| \`${name}\` | ${kindOf(field)} | ${must} | ${cell(textOf(field['description']))} |`;
  });
  const below = fields.flatMap(([name, field]) => {
    const child = objectIn(field);
    const to = path === '' ? name : `${path}.${name}`;
    return child === undefined ? [] : tables(`\`${to}${child.suffix}\``, to + child.suffix, child.node);
  });
  return [
    `## ${title}`,
    ['| Field | What | Default | |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...below,
  ];
}

/** The object with fields of its own inside a field: itself, the items of a list, or the members of a map. */
function objectIn(field: SchemaNode): { readonly node: SchemaNode; readonly suffix: string } | undefined {
  const candidates = [
    { node: field, suffix: '' },
    { node: field['items'], suffix: '[]' },
    { node: field['additionalProperties'], suffix: '.<name>' },
    // A word, or an object that says more.
    ...((field['anyOf'] ?? []) as readonly SchemaNode[]).map((node) => ({ node, suffix: '' })),
  ];
  const found = candidates.find(
    ({ node }) => typeof node === 'object' && node !== null && 'properties' in node,
  );
  return found as { readonly node: SchemaNode; readonly suffix: string } | undefined;
}

function defaultOf(field: SchemaNode): string {
  if (!('default' in field)) return '';
  const value = JSON.stringify(field['default']);
  return value.length > 40 ? 'all' : `\`${value.replace(/^"(.*)"$/, '$1')}\``;
}

function kindOf(field: SchemaNode): string {
  if (field['$ref'] !== undefined) return 'condition';
  if (Array.isArray(field['enum'])) return field['enum'].map((value) => `\`${value}\``).join(', ');
  if ('const' in field) return `\`${String(field['const'])}\``;
  if (Array.isArray(field['anyOf']))
    return [...new Set((field['anyOf'] as readonly SchemaNode[]).map(kindOf))].join(' or ');
  if (field['type'] === 'array') return `list of ${kindOf((field['items'] ?? {}) as SchemaNode)}`;
  if (field['type'] === 'object') return 'properties' in field ? 'object' : mapOf(field);
  if (textOf(field['pattern']).includes('(ms|s|m|h|d)')) return 'duration';
  if (textOf(field['pattern']).endsWith('%$')) return 'text with `%`';
  if (textOf(field['pattern']).startsWith('^[a-z0-9]')) return 'name';
  if (field['type'] === 'integer') return 'whole number';
  if (field['format'] === 'uri') return 'address';
  return field['type'] === 'string' ? 'text' : textOf(field['type']) || 'anything';
}

function mapOf(field: SchemaNode): string {
  const keys = field['propertyNames'] as SchemaNode | undefined;
  const by = Array.isArray(keys?.['enum'])
    ? `by ${keys['enum'].map((key) => `\`${key}\``).join(', ')}`
    : 'by name';
  const members = field['additionalProperties'];
  const of = typeof members === 'object' && members !== null ? kindOf(members as SchemaNode) : 'anything';
  return `map ${by} of ${of}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
