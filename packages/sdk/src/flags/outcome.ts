import type { Json } from '../core/json.ts';
import { formatDurationMs } from '../core/units.ts';
import type { EvaluationErrorCode, EvaluationResult, Flag, Reason } from './ruleset.ts';

/**
 * One of the few things a flag can answer, made when the ruleset arrives and frozen: a decision hands
 * out what is already there and allocates nothing.
 */
export interface Outcome {
  /** The value of `result`, at hand: callers that want no more read one object. All outcomes have one shape. */
  readonly value: Json | undefined;
  readonly result: EvaluationResult;
  /** How long `result` holds without the control plane. Infinity: no lease applies. */
  readonly leaseMs: number;
  /** The same of `value` alone: Infinity also where it is the default's, so that nobody reads a clock for it. */
  readonly valueLeaseMs: number;
  /** What is answered once the lease is over. */
  readonly over: EvaluationResult;
}

/** An outcome that no lease can end. */
export function lasting(result: EvaluationResult): Outcome {
  const { value } = result;
  return Object.freeze({ value, result, leaseMs: Infinity, valueLeaseMs: Infinity, over: result });
}

/** The `rule` of a decision that an override made. No rule of a ruleset may begin with `@`. */
export const overrideRule = '@override';

/** Makes the outcomes of one flag at one revision. */
export class Outcomes {
  readonly #name: string;
  readonly #flag: Flag;
  readonly #revision: number;

  constructor(name: string, flag: Flag, revision: number) {
    this.#name = name;
    this.#flag = flag;
    this.#revision = revision;
  }

  /**
   * Serves `variant`, under the flag's lease when it is not the default. A share's default has the lease too, though its
   * variant stays: once nobody can get anything else, no coin decided, and who counts sessions must know.
   */
  serve(variant: string, reason: Reason, rule?: string): Outcome {
    const result = this.#result(variant, reason, rule);
    const { leaseMs, defaultVariant } = this.#flag;
    const isDefault = variant === defaultVariant;
    if (leaseMs === undefined || (isDefault && reason !== 'SPLIT')) return lasting(result);
    const unheard = `The control plane was not heard for ${formatDurationMs(leaseMs)}, the lease of "${this.#name}":`;
    const errorMessage = isDefault
      ? `${unheard} until it is, everybody gets the default "${defaultVariant}", whatever the share says.`
      : `${unheard} "${variant}" is not served until it is, the default "${defaultVariant}" is.`;
    const over = this.#result(defaultVariant, 'STALE', rule, { errorMessage });
    const valueLeaseMs = isDefault ? Infinity : leaseMs;
    return Object.freeze({ value: result.value, result, leaseMs, valueLeaseMs, over });
  }

  /** Serves the default variant because something failed. */
  fail(errorCode: EvaluationErrorCode, why: string, rule?: string): Outcome {
    const errorMessage = `${why} The default "${this.#flag.defaultVariant}" of "${this.#name}" is served.`;
    return lasting(this.#result(this.#flag.defaultVariant, 'ERROR', rule, { errorCode, errorMessage }));
  }

  #result(
    variant: string,
    reason: Reason,
    rule: string | undefined,
    error: Pick<EvaluationResult, 'errorCode' | 'errorMessage'> = {},
  ): EvaluationResult {
    return Object.freeze({
      value: deepFrozen(this.#flag.variants[variant]),
      variant,
      reason,
      revision: this.#revision,
      ...(rule === undefined ? {} : { rule }),
      ...(this.#flag.rollout === undefined ? {} : { rollout: Object.freeze({ ...this.#flag.rollout }) }),
      ...error,
    });
  }
}

/** Values are handed out as they are: a caller must not be able to change what the next one gets. */
function deepFrozen(value: Json | undefined): Json | undefined {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) deepFrozen(inner);
    Object.freeze(value);
  }
  return value;
}
