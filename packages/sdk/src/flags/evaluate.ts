import type { Attributes } from './attributes.ts';
import type { CompiledFlag, CompiledRuleset } from './compile.ts';
import { lasting, type Outcome } from './outcome.ts';
import type { EvaluationContext, EvaluationErrorCode, EvaluationResult } from './ruleset.ts';

/** The revision of an evaluator that has no ruleset yet. */
export const noRevision = -1;

const emptyContext: Attributes = Object.freeze({});

/**
 * Decides one flag for one context: synchronous, pure, keeps nothing, and never throws whatever the
 * context is (not an object, getters that throw, proxies). `errorCode` is set exactly when the reason is
 * ERROR; the value is then the flag's default, or undefined where there is no flag.
 *
 * `ageMs` is how long ago the control plane was last heard. Once it reaches a flag's lease, that flag serves its
 * default variant, with reason STALE where it would have served another or a share would have decided.
 */
export function evaluate(
  compiled: CompiledRuleset | undefined,
  flagKey: string,
  context?: EvaluationContext,
  ageMs = 0,
): EvaluationResult {
  const outcome = decide(compiled, flagKey, context);
  return ageMs < outcome.leaseMs || outcome.leaseMs === Infinity ? outcome.result : outcome.over;
}

/** The decision before the lease is looked at, for callers that read a clock only when it matters. */
export function decide(compiled: CompiledRuleset | undefined, flagKey: string, context: unknown): Outcome {
  const flag = compiled?.flags.get(flagKey);
  return flag === undefined ? decideMissing(compiled, flagKey) : decideFlag(flag, context);
}

/** The decision of one flag. */
export function decideFlag(flag: CompiledFlag, context: unknown): Outcome {
  if (typeof context === 'object' && context !== null) {
    try {
      return flag.decide(context as Attributes);
    } catch {
      // Only the caller's own getters and proxies can throw here; their error says nothing about the flag.
      return flag.unreadable;
    }
  }
  return context === undefined || context === null ? flag.decide(emptyContext) : flag.unreadable;
}

/** Names are at most 256 characters; a longer one in a message would only be somebody's mistake repeated. */
const shownLength = 256;

/** What a flag answers that is not there. */
export function decideMissing(compiled: CompiledRuleset | undefined, flagKey: unknown): Outcome {
  if (compiled === undefined) {
    return failure(
      'PROVIDER_NOT_READY',
      'Expected a ruleset before the first decision, got none yet.',
      noRevision,
    );
  }
  const shown = typeof flagKey === 'string' ? `"${flagKey.slice(0, shownLength)}"` : `a ${typeof flagKey}`;
  return failure(
    'FLAG_NOT_FOUND',
    `Expected a flag of revision ${compiled.revision}, got ${shown}.`,
    compiled.revision,
  );
}

function failure(errorCode: EvaluationErrorCode, errorMessage: string, revision: number): Outcome {
  return lasting({
    value: undefined, variant: undefined, reason: 'ERROR', revision, errorCode, errorMessage,
  }); // prettier-ignore
}
