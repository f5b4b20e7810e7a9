import type { Clock } from '../core/clock.ts';
import { CrossfadeError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { compileRuleset, type CompiledRuleset } from './compile.ts';
import { decide, noRevision } from './evaluate.ts';
import { explainDecision } from './explain.ts';
import type { EvaluationContext, EvaluationResult, Ruleset } from './ruleset.ts';
import { validateRuleset } from './validate.ts';

/**
 * One reading of both clocks serves this long by the wall clock alone, because each costs as much as the decision.
 * A wall clock that steps back or jumps on leaves the stretch, and then both are read.
 */
const readingMs = 50;
/** And for this many decisions, so that a wall clock that stands still cannot keep a lease alive. */
const readingsMax = 64;

/**
 * Decides in process from the last ruleset it was given: no network, no waiting, no exceptions.
 *
 * A flag with a lease serves its candidate only while the control plane is heard: whoever feeds this
 * evaluator calls `heard` at each sign of life. Flags without a lease need nobody.
 */
export class Evaluator {
  readonly #clock: Clock;
  #compiled: CompiledRuleset | undefined;
  #heardAt: { readonly wallMs: number; readonly monotonicMs: number } | undefined;
  #reading = { wallMs: -Infinity, ageMs: Infinity };
  #readingsLeft = 0;

  constructor(options: { readonly clock: Clock; readonly ruleset?: Ruleset }) {
    this.#clock = options.clock;
    if (options.ruleset !== undefined) this.apply(options.ruleset);
  }

  /**
   * Takes a ruleset as it came: validated whole, compiled, then in force at once. Throws RULESET_INVALID
   * (with the path) or RULESET_STALE (a smaller revision); nothing changes then. The revision already in
   * force is taken again without effect. Does not renew leases: the ruleset may come from a file.
   */
  apply(ruleset: unknown): void {
    const valid = validateRuleset(ruleset);
    if (valid.revision < this.revision) {
      throw new CrossfadeError(
        'RULESET_STALE',
        `Expected a ruleset of revision ${this.revision} or later, got revision ${valid.revision}.`,
        { detail: { path: 'revision', current: this.revision, got: valid.revision } },
      );
    }
    if (valid.revision > this.revision) {
      this.#compiled = compileRuleset(valid);
    }
  }

  /** The control plane was heard just now: every lease begins anew. */
  heard(): void {
    this.#heardAt = { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
    this.#readingsLeft = 0;
  }

  /** The revision in force; -1 before the first. */
  get revision(): number {
    return this.#compiled?.revision ?? noRevision;
  }

  /** The ruleset in force, for keeping it across a restart. */
  get ruleset(): Ruleset | undefined {
    return this.#compiled?.ruleset;
  }

  /**
   * Milliseconds since the control plane was heard; Infinity when it never was. The larger of both
   * clocks: a monotonic clock stands still while a machine sleeps, a wall clock may step back.
   */
  get ageMs(): number {
    if (this.#heardAt === undefined) return Infinity;
    return Math.max(
      this.#clock.nowMs() - this.#heardAt.wallMs,
      this.#clock.monotonicMs() - this.#heardAt.monotonicMs,
    );
  }

  /** Decides a flag for a context. Never throws; see `evaluate` for what the result says. */
  evaluate(flag: string, context?: EvaluationContext): EvaluationResult {
    const outcome = decide(this.#compiled, flag, context);
    return this.#isHeardWithin(outcome.leaseMs) ? outcome.result : outcome.over;
  }

  /** Only the value; `fallback` when there is no such flag or no ruleset yet. */
  value(flag: string, context: EvaluationContext | undefined, fallback: Json): Json {
    const outcome = decide(this.#compiled, flag, context);
    const value = this.#isHeardWithin(outcome.valueLeaseMs) ? outcome.value : outcome.over.value;
    return value === undefined ? fallback : value;
  }

  /** Without a lease nothing is read: a clock costs as much as the decision. */
  #isHeardWithin(durationMs: number): boolean {
    if (durationMs === Infinity) return true;
    const wallMs = this.#clock.nowMs();
    const passedMs = wallMs - this.#reading.wallMs;
    if (passedMs < 0 || passedMs >= readingMs || this.#readingsLeft-- <= 0)
      return this.#readAge(wallMs) < durationMs;
    return this.#reading.ageMs + passedMs < durationMs;
  }

  #readAge(wallMs: number): number {
    const { ageMs } = this;
    this.#reading = { wallMs, ageMs };
    this.#readingsLeft = readingsMax;
    return ageMs;
  }

  /** The whole path of the decision in words, one step a line. For people; takes longer than deciding. */
  explain(flag: string, context?: EvaluationContext): string {
    return explainDecision(this.#compiled, flag, context, this.ageMs);
  }
}
