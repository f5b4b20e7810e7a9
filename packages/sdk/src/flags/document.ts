import { CrossfadeError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';

/** Values visited in one document: two million list members are far above 1,000 flags with 100 rollouts. */
const nodeLimit = 2_000_000;
/** Objects and lists inside each other, in conditions and values alike. */
const depthLimit = 64;
/** Of names: flags, variants, audiences, rules, attributes. Also the longest targeting key with an override. */
const nameLength = 256;
/** Of any text in a value or a comparison. */
const textLength = 65_536;
/** Members of one list or of one map. */
const sizeLimit = 1_000_000;

/** Names that some code somewhere would look up on every object's prototype. */
const forbiddenNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses a document: names the path, what was expected and what came. */
export function refuse(path: string, expected: string, got: unknown): CrossfadeError {
  const came = describe(got);
  return new CrossfadeError('RULESET_INVALID', `${path || 'ruleset'}: expected ${expected}, got ${came}.`, {
    detail: { path, expected, got: came },
  });
}

/** What a value is, in few words, whatever it is; nothing of it is called. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string')
    return value.length > 60 ? `a text of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object') return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
  return `a ${typeof value}`;
}

/** The path of a member: `flags.transcriber`, `flags["a.b"]`, `rules[0]`. */
export function memberPath(path: string, member: string | number): string {
  if (typeof member === 'number') return `${path}[${member}]`;
  if (!/^[\w$-]+$/.test(member)) return `${path}[${JSON.stringify(member.slice(0, nameLength))}]`;
  return path === '' ? member : `${path}.${member}`;
}

type FieldNeeds = Readonly<Record<string, 'required' | 'optional'>>;

/**
 * Reads an unknown document, hostile ones included: each value is read once and copied, so that what was
 * checked is what is kept; size, depth and number of values are bounded; circles are refused.
 */
export class DocumentReader {
  #nodes = 0;
  readonly #open = new Set<object>();

  /** An object with just these fields. An absent optional field reads as `undefined`. */
  fields<Needs extends FieldNeeds>(
    value: unknown,
    path: string,
    needs: Needs,
  ): Readonly<Record<keyof Needs, unknown>> {
    const object = this.#plainObject(value, path);
    const read = Object.create(null) as Record<string, unknown>;
    for (const name of Object.keys(object)) {
      if (!Object.hasOwn(needs, name)) {
        throw refuse(memberPath(path, name), `one of the fields ${Object.keys(needs).join(', ')}`, name);
      }
      read[name] = object[name];
    }
    for (const [name, need] of Object.entries(needs)) {
      if (need === 'required' && read[name] === undefined)
        throw refuse(memberPath(path, name), 'a value', undefined);
    }
    return read as Record<keyof Needs, unknown>;
  }

  /** A map of names to whatever `read` makes of each; the answer has no prototype. */
  map<T>(
    value: unknown,
    path: string,
    read: (member: unknown, path: string, name: string) => T,
  ): Readonly<Record<string, T>> {
    return this.inside(value, path, () => {
      const object = this.#plainObject(value, path);
      const members = Object.create(null) as Record<string, T>;
      const names = Object.keys(object);
      if (names.length > sizeLimit) throw refuse(path, `at most ${sizeLimit} members`, names.length);
      for (const name of names) {
        const at = memberPath(path, name);
        this.name(name, at);
        members[name] = read(object[name], at, name);
      }
      return Object.freeze(members);
    });
  }

  /** A list of whatever `read` makes of each member. */
  list<T>(
    value: unknown,
    path: string,
    read: (member: unknown, path: string) => T,
    limit = sizeLimit,
  ): readonly T[] {
    if (!Array.isArray(value)) throw refuse(path, 'a list', value);
    if (value.length > limit) throw refuse(path, `a list of at most ${limit}`, value);
    return this.inside(value, path, () => {
      const members: T[] = [];
      for (let at = 0; at < value.length; at++) {
        this.#count(path);
        members.push(read(value[at], memberPath(path, at)));
      }
      return Object.freeze(members);
    });
  }

  /** Runs `read` one level deeper; refuses a value that contains itself, and too many levels. */
  inside<T>(value: unknown, path: string, read: () => T): T {
    if (typeof value !== 'object' || value === null) return read();
    if (this.#open.has(value)) throw refuse(path, 'a document without circles', value);
    if (this.#open.size >= depthLimit) throw refuse(path, `at most ${depthLimit} levels`, value);
    this.#open.add(value);
    const result = read();
    this.#open.delete(value);
    return result;
  }

  /** Any JSON value, copied and frozen. */
  json(value: unknown, path: string): Json {
    this.#count(path);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.text(value, path, 0);
    if (typeof value === 'number') return this.finite(value, path);
    if (Array.isArray(value)) return this.list(value, path, (member, at) => this.json(member, at));
    if (typeof value === 'object') return this.map(value, path, (member, at) => this.json(member, at));
    throw refuse(path, 'a JSON value', value);
  }

  /** Null, true, false, a finite number or text. */
  scalar(value: unknown, path: string): null | boolean | number | string {
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'number') return this.finite(value, path);
    if (typeof value === 'string') return this.text(value, path, 0);
    throw refuse(path, 'text, a number, true, false or null', value);
  }

  text(value: unknown, path: string, minLength: number, maxLength = textLength): string {
    if (typeof value !== 'string' || value.length < minLength || value.length > maxLength) {
      throw refuse(path, `text of ${minLength} to ${maxLength} characters`, value);
    }
    return value;
  }

  name(value: unknown, path: string): string {
    const name = this.text(value, path, 1, nameLength);
    if (forbiddenNames.has(name)) throw refuse(path, 'a name that is not special to JavaScript', name);
    return name;
  }

  finite(value: unknown, path: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse(path, 'a finite number', value);
    return value;
  }

  whole(value: unknown, path: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw refuse(path, `a whole number from ${min} to ${max}`, value);
    }
    return value;
  }

  boolean(value: unknown, path: string): boolean {
    if (typeof value !== 'boolean') throw refuse(path, 'true or false', value);
    return value;
  }

  oneOf<T extends string>(value: unknown, path: string, words: readonly T[]): T {
    const word = words.find((one) => one === value);
    if (word === undefined) throw refuse(path, `one of ${words.join(', ')}`, value);
    return word;
  }

  #plainObject(value: unknown, path: string): Record<string, unknown> {
    this.#count(path);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw refuse(path, 'an object', value);
    const prototype: unknown = Object.getPrototypeOf(value);
    // Also the Object of another realm (a frame, a vm context), whose prototype has none above it.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw refuse(path, 'a plain object, as JSON has', value);
    }
    return value as Record<string, unknown>;
  }

  #count(path: string): void {
    this.#nodes++;
    if (this.#nodes > nodeLimit) throw refuse(path, `a document of at most ${nodeLimit} values`, `more`);
  }
}
