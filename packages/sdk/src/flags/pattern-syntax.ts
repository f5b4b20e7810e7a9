import { CrossfadeError } from '../core/errors.ts';

/** Sorted or not, closed ranges of code points: [low, high, low, high, …]. */
export type Ranges = readonly number[];

/** A pattern, read. Every kind here can be matched in linear time. */
export type PatternNode =
  | { readonly kind: 'set'; readonly ranges: Ranges; readonly negated: boolean }
  | { readonly kind: 'assert'; readonly what: 'start' | 'end' | 'wordEdge' | 'noWordEdge' }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly node: PatternNode; readonly min: number; readonly max: number };

/** A pattern is written by a person: this is far above what one can read. */
const patternLength = 512;
/** Groups inside groups; bounds the reader's recursion. */
const groupDepth = 16;
/** The largest number inside braces; the matcher's own limit on states is the one that counts. */
const repeatLimit = 1_000;

const digits: Ranges = [0x30, 0x39];
export const wordRanges: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const spaces: Ranges = [
  0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f,
  0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff,
]; // prettier-ignore
const lineEnds: Ranges = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029];

const shorthand: ReadonlyMap<string, { readonly ranges: Ranges; readonly negated: boolean }> = new Map([
  ['d', { ranges: digits, negated: false }],
  ['D', { ranges: digits, negated: true }],
  ['w', { ranges: wordRanges, negated: false }],
  ['W', { ranges: wordRanges, negated: true }],
  ['s', { ranges: spaces, negated: false }],
  ['S', { ranges: spaces, negated: true }],
]);
const controls: ReadonlyMap<string, string> = new Map([
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
  ['v', '\v'],
  ['f', '\f'],
]);

/**
 * Reads the checked subset of ECMAScript's regular expressions (with the `u` flag): characters, `.`,
 * classes, `\d \w \s` and their opposites, `^ $ \b \B`, groups, `|`, and the quantifiers `* + ? {n,m}`.
 * Refused with a reason: back-references and look-around, which no linear matcher has, and what is
 * rarely meant (named groups, `\p`, `\x`, `\u`). Throws RULESET_INVALID; `detail.at` is the position.
 */
export function parsePattern(source: string): PatternNode {
  if (source.length > patternLength) {
    throw refusal(patternLength, `a pattern of at most ${patternLength} characters, got ${source.length}`);
  }
  return new PatternReader(source).read();
}

function refusal(at: number, reason: string): CrossfadeError {
  return new CrossfadeError('RULESET_INVALID', `Expected ${reason} (at character ${at}).`, {
    detail: { at },
  });
}

class PatternReader {
  readonly #letters: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#letters = [...source];
  }

  read(): PatternNode {
    const node = this.#choice(0);
    if (this.#peek() !== undefined) throw this.#refuse('a ")" only after its "("');
    return node;
  }

  #peek(ahead = 0): string | undefined {
    return this.#letters[this.#at + ahead];
  }

  #refuse(reason: string): CrossfadeError {
    return refusal(this.#at, reason);
  }

  #choice(depth: number): PatternNode {
    const options = [this.#sequence(depth)];
    while (this.#peek() === '|') {
      this.#at++;
      options.push(this.#sequence(depth));
    }
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  }

  #sequence(depth: number): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      parts.push(this.#quantified(this.#atom(next, depth)));
    }
    return { kind: 'sequence', parts };
  }

  #atom(letter: string, depth: number): PatternNode {
    if ('*+?{'.includes(letter))
      throw this.#refuse(`something to repeat before "${letter}", or "\\${letter}"`);
    if (letter === ']' || letter === '}') throw this.#refuse(`"\\${letter}" for the character itself`);
    if (letter === '(') return this.#group(depth + 1);
    if (letter === '[') return this.#characterClass();
    if (letter === '\\') return this.#escape();
    this.#at++;
    if (letter === '^') return { kind: 'assert', what: 'start' };
    if (letter === '$') return { kind: 'assert', what: 'end' };
    if (letter === '.') return { kind: 'set', ranges: lineEnds, negated: true };
    return single(letter);
  }

  #group(depth: number): PatternNode {
    if (depth > groupDepth) throw this.#refuse(`groups at most ${groupDepth} deep`);
    this.#at++;
    if (this.#peek() === '?') {
      if (this.#peek(1) !== ':') {
        throw this.#refuse('a plain group or (?:…); look-around and named groups are not supported');
      }
      this.#at += 2;
    }
    const node = this.#choice(depth);
    if (this.#peek() !== ')') throw this.#refuse('a ")" for each "("');
    this.#at++;
    return node;
  }

  #escape(): PatternNode {
    const letter = this.#peek(1);
    if (letter === 'b' || letter === 'B') {
      this.#at += 2;
      return { kind: 'assert', what: letter === 'b' ? 'wordEdge' : 'noWordEdge' };
    }
    const short = letter === undefined ? undefined : shorthand.get(letter);
    if (short === undefined) return single(this.#escapedLetter('^$\\.*+?()[]{}|/'));
    this.#at += 2;
    return { kind: 'set', ...short };
  }

  #escapedLetter(escapable: string): string {
    const letter = this.#peek(1) ?? '';
    const control = controls.get(letter);
    if (control === undefined && (letter === '' || !escapable.includes(letter))) {
      const hint = /[1-9k]/.test(letter)
        ? 'no back-reference, which cannot be matched in linear time'
        : 'a known escape';
      throw this.#refuse(`${hint}, got "\\${letter}"`);
    }
    this.#at += 2;
    return control ?? letter;
  }

  #characterClass(): PatternNode {
    this.#at++;
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const ranges: number[] = [];
    for (let next = this.#peek(); next !== ']'; next = this.#peek()) {
      if (next === undefined) throw this.#refuse('a "]" for each "["');
      ranges.push(...this.#classItem());
    }
    if (ranges.length === 0) throw this.#refuse('a character class with something in it');
    this.#at++;
    return { kind: 'set', ranges, negated };
  }

  #classItem(): Ranges {
    const short = this.#peek() === '\\' ? shorthand.get(this.#peek(1) ?? '') : undefined;
    if (short !== undefined) {
      this.#at += 2;
      if (this.#peek() === '-' && this.#peek(1) !== ']') throw this.#refuse('a range between two characters');
      return short.negated ? complement(short.ranges) : short.ranges;
    }
    const low = this.#classLetter();
    if (this.#peek() !== '-' || this.#peek(1) === ']' || this.#peek(1) === undefined) return [low, low];
    this.#at++;
    if (this.#peek() === '\\' && shorthand.has(this.#peek(1) ?? ''))
      throw this.#refuse('a range between two characters');
    const high = this.#classLetter();
    if (high < low) throw this.#refuse('a range that goes up');
    return [low, high];
  }

  #classLetter(): number {
    const letter = this.#peek() ?? '';
    if (letter === '\\') return this.#escapedLetter('^$\\.*+?()[]{}|/-').codePointAt(0) ?? 0;
    this.#at++;
    return letter.codePointAt(0) ?? 0;
  }

  #quantified(node: PatternNode): PatternNode {
    const count = this.#quantifier();
    if (count === undefined) return node;
    if (node.kind === 'assert') throw this.#refuse('characters or a group before a quantifier');
    // A lazy quantifier finds another match first, never another answer to "does it match".
    if (this.#peek() === '?') this.#at++;
    return { kind: 'repeat', node, ...count };
  }

  #quantifier(): { min: number; max: number } | undefined {
    const letter = this.#peek();
    if (letter === '{') return this.#braces();
    const simple = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[letter ?? ''];
    if (simple === undefined) return undefined;
    this.#at++;
    return { min: simple[0] ?? 0, max: simple[1] ?? 0 };
  }

  #braces(): { min: number; max: number } {
    // 12 letters hold the longest form that the limit allows, {1000,1000}.
    const match = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(
      this.#letters.slice(this.#at, this.#at + 12).join(''),
    );
    const min = Number(match?.[1]);
    const max = match?.[2] === undefined ? min : match[3] === undefined ? Infinity : Number(match[3]);
    if (match === null || max < min || min > repeatLimit || (max > repeatLimit && max !== Infinity)) {
      throw this.#refuse(`{n}, {n,} or {n,m} with numbers up to ${repeatLimit} that go up, or "\\{"`);
    }
    this.#at += match[0].length;
    return { min, max };
  }
}

function single(letter: string): PatternNode {
  const point = letter.codePointAt(0) ?? 0;
  return { kind: 'set', ranges: [point, point], negated: false };
}

/** What the sorted, disjoint `ranges` leave out. */
function complement(ranges: Ranges): Ranges {
  const rest: number[] = [];
  let from = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    const low = ranges[at] ?? 0;
    if (low > from) rest.push(from, low - 1);
    from = (ranges[at + 1] ?? 0) + 1;
  }
  rest.push(from, 0x10ffff);
  return rest;
}
