import { messageOf } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { memberPath, refuse, type DocumentReader } from './document.ts';
import { instantOf } from './instant.ts';
import { compilePattern } from './pattern.ts';
import { operators, type Audience, type Comparison, type Condition, type Operator } from './ruleset.ts';
import { parseVersion } from './semver.ts';

/** Comparisons that one condition may cost once the audiences it names are written out. */
const comparisonLimit = 10_000;
/** Audiences that name audiences that name audiences. */
const audienceDepth = 32;
/** Levels of one condition with its audiences written out: a decision's own depth on the stack. */
const levelLimit = 256;
/** Branches of one `all` or `any`. */
const branchLimit = 1_000;

const shapes = ['all', 'any', 'not', 'audience', 'attribute'] as const;

/** Reads one condition of any depth. Whether the audiences it names exist is `checkAudiences`'s. */
export function readCondition(reader: DocumentReader, value: unknown, path: string): Condition {
  return reader.inside(value, path, () => {
    const shape =
      typeof value === 'object' && value !== null
        ? shapes.find((one) => Object.hasOwn(value, one))
        : undefined;
    if (shape === undefined)
      throw refuse(path, `a condition: an object with one of ${shapes.join(', ')}`, value);
    if (shape === 'attribute') return readComparison(reader, value, path);
    const inner = reader.fields(value, path, { [shape]: 'required' })[shape];
    const at = memberPath(path, shape);
    if (shape === 'audience') return Object.freeze({ audience: reader.name(inner, at) });
    if (shape === 'not') return Object.freeze({ not: readCondition(reader, inner, at) });
    const parts = reader.list(inner, at, (part, partAt) => readCondition(reader, part, partAt), branchLimit);
    return Object.freeze(shape === 'all' ? { all: parts } : { any: parts });
  });
}

function readComparison(reader: DocumentReader, value: unknown, path: string): Comparison {
  const read = reader.fields(value, path, { attribute: 'required', op: 'required', value: 'optional' });
  const attribute = readAttribute(reader, read.attribute, memberPath(path, 'attribute'));
  const op = reader.oneOf(read.op, memberPath(path, 'op'), operators);
  const expected = readOperand(reader, op, read.value, memberPath(path, 'value'));
  return Object.freeze({ attribute, op, ...(expected === undefined ? {} : { value: expected }) });
}

/** A dotted path into the context, each step a name. */
export function readAttribute(reader: DocumentReader, value: unknown, path: string): string {
  const attribute = reader.name(value, path);
  for (const step of attribute.split('.')) {
    if (step === '') throw refuse(path, 'a name in each step of the dotted path', attribute);
    reader.name(step, path);
  }
  return attribute;
}

function readOperand(reader: DocumentReader, op: Operator, value: unknown, path: string): Json | undefined {
  switch (op) {
    case 'equals':
    case 'notEquals':
      return reader.scalar(value, path);
    case 'in':
    case 'notIn':
      return reader.list(value, path, (member, at) => reader.scalar(member, at));
    case 'contains':
      return typeof value === 'string' ? reader.text(value, path, 1) : reader.scalar(value, path);
    case 'startsWith':
    case 'endsWith':
      return reader.text(value, path, 1);
    case 'matches':
      return readPattern(reader, value, path);
    case 'lessThan':
    case 'atMost':
    case 'greaterThan':
    case 'atLeast':
      return reader.finite(value, path);
    case 'before':
    case 'after':
      if (instantOf(value) === undefined || value instanceof Date) {
        throw refuse(path, 'an ISO 8601 date, a date-time with a zone, or milliseconds since 1970', value);
      }
      return value as string | number;
    case 'semverEquals':
    case 'semverLessThan':
    case 'semverAtMost':
    case 'semverGreaterThan':
    case 'semverAtLeast':
      if (typeof value !== 'string' || parseVersion(value) === undefined)
        throw refuse(path, 'a version such as 2.5.0', value);
      return value;
    case 'exists':
      return value === undefined ? undefined : reader.boolean(value, path);
  }
}

function readPattern(reader: DocumentReader, value: unknown, path: string): string {
  const source = reader.text(value, path, 0);
  try {
    compilePattern(source);
  } catch (error) {
    const reason = messageOf(error)
      .replace(/^Expected /, '')
      .replace(/[.]$/, '');
    throw refuse(path, reason, source);
  }
  return source;
}

/** How much work and how deep a condition is once its audiences are written out. */
interface Cost {
  readonly comparisons: number;
  readonly levels: number;
}

/** Refuses audiences that are unknown, form a circle, or multiply into more work than a decision may do. */
export class AudienceCheck {
  readonly #audiences: Readonly<Record<string, Audience>>;
  readonly #known = new Map<string, Cost>();
  readonly #open: string[] = [];

  constructor(audiences: Readonly<Record<string, Audience>>) {
    this.#audiences = audiences;
    for (const name of Object.keys(audiences)) this.#audience(name, memberPath('audiences', name));
  }

  /** Throws RULESET_INVALID at `path` or, for an audience's own mistake, there. */
  check(condition: Condition, path: string): Cost {
    const cost = this.#cost(condition, path);
    if (cost.comparisons > comparisonLimit) {
      throw refuse(
        path,
        `at most ${comparisonLimit} comparisons with all audiences written out`,
        cost.comparisons,
      );
    }
    if (cost.levels > levelLimit) {
      throw refuse(path, `at most ${levelLimit} levels with all audiences written out`, cost.levels);
    }
    return cost;
  }

  #cost(condition: Condition, path: string): Cost {
    if ('all' in condition) return this.#sum(condition.all, memberPath(path, 'all'));
    if ('any' in condition) return this.#sum(condition.any, memberPath(path, 'any'));
    if ('not' in condition) return this.#sum([condition.not], path);
    if ('audience' in condition) return this.#audience(condition.audience, memberPath(path, 'audience'));
    return { comparisons: 1, levels: 1 };
  }

  #sum(parts: readonly Condition[], path: string): Cost {
    let comparisons = 1;
    let levels = 0;
    for (const [at, part] of parts.entries()) {
      const cost = this.#cost(part, memberPath(path, at));
      comparisons += cost.comparisons;
      levels = Math.max(levels, cost.levels);
    }
    return { comparisons, levels: levels + 1 };
  }

  #audience(name: string, path: string): Cost {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const audience = this.#audiences[name];
    if (audience === undefined) throw refuse(path, 'the name of an audience of this ruleset', name);
    if (this.#open.includes(name)) {
      const circle = [...this.#open.slice(this.#open.indexOf(name)), name];
      throw refuse(path, 'audiences that do not name themselves', circle.join(' > '));
    }
    if (this.#open.length >= audienceDepth)
      throw refuse(path, `audiences at most ${audienceDepth} deep`, name);
    this.#open.push(name);
    const inner = this.check(audience.when, memberPath(memberPath('audiences', name), 'when'));
    this.#open.pop();
    const cost = { comparisons: inner.comparisons, levels: inner.levels + 1 };
    this.#known.set(name, cost);
    return cost;
  }
}
