import { CrossfadeError } from '../core/errors.ts';
import { parsePattern, wordRanges, type PatternNode, type Ranges } from './pattern-syntax.ts';

/** States of a compiled pattern; with the text's limit it bounds one match to half a million steps. */
const stateLimit = 500;

/** A longer text matches no pattern. Names, addresses and user agents stay below. */
export const patternTextLength = 1_024;

type State =
  | { readonly kind: 'set'; readonly ranges: Ranges; readonly negated: boolean; readonly next: number }
  | {
      readonly kind: 'assert';
      readonly what: (PatternNode & { kind: 'assert' })['what'];
      readonly next: number;
    }
  | { readonly kind: 'fork'; next: number; other: number }
  | { readonly kind: 'end' };

/**
 * Compiles a pattern of the subset that `parsePattern` describes to a test: does it match anywhere in
 * the text? It walks all alternatives at once (K. Thompson, "Regular Expression Search Algorithm", 1968)
 * instead of trying one after the other, so no pattern and no text can make it backtrack: time is at most
 * text × pattern. It answers what ECMAScript's own matcher answers. Throws RULESET_INVALID.
 */
export function compilePattern(source: string): (text: string) => boolean {
  const states: State[] = [{ kind: 'end' }];
  const start = build(parsePattern(source), 0, states);
  return (text) => text.length <= patternTextLength && matches(states, start, text);
}

function add(state: State, states: State[]): number {
  if (states.length >= stateLimit) {
    throw new CrossfadeError(
      'RULESET_INVALID',
      `Expected a pattern of at most ${stateLimit} steps once its {n,m} are written out.`,
    );
  }
  return states.push(state) - 1;
}

/** Adds the states of `node`, which go on to `next`; answers the first of them. */
function build(node: PatternNode, next: number, states: State[]): number {
  switch (node.kind) {
    case 'set':
      return add({ kind: 'set', ranges: node.ranges, negated: node.negated, next }, states);
    case 'assert':
      return add({ kind: 'assert', what: node.what, next }, states);
    case 'sequence':
      return node.parts.reduceRight((after, part) => build(part, after, states), next);
    case 'choice': {
      const starts = node.options.map((option) => build(option, next, states));
      return starts.reduceRight((other, start) => add({ kind: 'fork', next: start, other }, states));
    }
    case 'repeat':
      return buildRepeat(node, next, states);
  }
}

function buildRepeat(node: PatternNode & { kind: 'repeat' }, next: number, states: State[]): number {
  let start = next;
  if (node.max === Infinity) {
    const fork: State & { kind: 'fork' } = { kind: 'fork', next: 0, other: next };
    start = add(fork, states);
    fork.next = build(node.node, start, states);
  } else {
    for (let count = node.min; count < node.max; count++) {
      start = add({ kind: 'fork', next: build(node.node, start, states), other: next }, states);
    }
  }
  for (let count = 0; count < node.min; count++) start = build(node.node, start, states);
  return start;
}

/** One pass over the text, holding the set of states that some way through it has reached. */
function matches(states: readonly State[], start: number, text: string): boolean {
  const seenAt = new Int32Array(states.length).fill(-1);
  let current: number[] = [];
  let before: number | undefined;
  for (let index = 0, step = 0; ; step++) {
    const point = text.codePointAt(index);
    // The search is not anchored: a match may begin at each position.
    current.push(start);
    const waiting = settle(states, current, seenAt, step, before, point);
    if (waiting === undefined) return true;
    if (point === undefined) return false;
    current = advance(states, waiting, point);
    before = point;
    index += point > 0xffff ? 2 : 1;
  }
}

/** Follows forks and assertions from `from`; answers the sets that wait for a character, or undefined at the end. */
function settle(
  states: readonly State[],
  from: number[],
  seenAt: Int32Array,
  step: number,
  before: number | undefined,
  point: number | undefined,
): number[] | undefined {
  const waiting: number[] = [];
  for (let id = from.pop(); id !== undefined; id = from.pop()) {
    if (seenAt[id] === step) continue;
    seenAt[id] = step;
    const state = states[id];
    if (state === undefined || state.kind === 'end') return undefined;
    if (state.kind === 'set') waiting.push(id);
    else if (state.kind === 'fork') from.push(state.other, state.next);
    else if (holds(state.what, before, point)) from.push(state.next);
  }
  return waiting;
}

function advance(states: readonly State[], waiting: readonly number[], point: number): number[] {
  const next: number[] = [];
  for (const id of waiting) {
    const state = states[id];
    if (state?.kind === 'set' && includes(state.ranges, point) !== state.negated) next.push(state.next);
  }
  return next;
}

function holds(
  what: (PatternNode & { kind: 'assert' })['what'],
  before: number | undefined,
  point: number | undefined,
): boolean {
  if (what === 'start') return before === undefined;
  if (what === 'end') return point === undefined;
  const edge = isWord(before) !== isWord(point);
  return what === 'wordEdge' ? edge : !edge;
}

function isWord(point: number | undefined): boolean {
  return point !== undefined && includes(wordRanges, point);
}

function includes(ranges: Ranges, point: number): boolean {
  for (let at = 0; at < ranges.length; at += 2) {
    if (point >= (ranges[at] ?? 0) && point <= (ranges[at + 1] ?? 0)) return true;
  }
  return false;
}
