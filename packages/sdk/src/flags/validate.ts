import { CrossfadeError, hasCode, messageOf } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { DocumentReader, memberPath, refuse } from './document.ts';
import {
  bucketCount, type Audience, type Drain, type Flag, type RolloutStamp, type Rule, type Ruleset, type Serve,
  type Share, type Slice,
} from './ruleset.ts'; // prettier-ignore
import { AudienceCheck, readAttribute, readCondition } from './validate-condition.ts';

/** A flag with more rules than this is a program; write audiences. */
const ruleLimit = 1_000;
/** Each change of a share can cut one slice more; a rollout of hundreds of changes stays far below. */
const sliceLimit = 10_000;
/** Orders to leave that stand at one time. */
const drainLimit = 10_000;
/** A lease of a week would outlive any outage that a rollback must get through. */
const leaseLimitMs = 7 * 24 * 3_600_000;

/**
 * Reads a ruleset from anything at all: parsed JSON, an object somebody built, hostile input. Answers a
 * frozen copy that is valid as a whole, or throws RULESET_INVALID whose message (and `detail.path`,
 * `detail.expected`, `detail.got`) names the first mistake. Never throws anything else, never hangs.
 */
export function validateRuleset(input: unknown): Ruleset {
  try {
    return new RulesetReader().read(input);
  } catch (error) {
    if (hasCode(error, 'RULESET_INVALID')) throw error;
    // A getter or proxy of the document threw, or the caller's stack was all but used up.
    throw new CrossfadeError(
      'RULESET_INVALID',
      `ruleset: expected a document that can be read, got "${messageOf(error)}".`,
      {
        cause: error,
        detail: { path: '', expected: 'a document that can be read', got: 'an error' },
      },
    );
  }
}

class RulesetReader {
  readonly #reader = new DocumentReader();

  read(input: unknown): Ruleset {
    const read = this.#reader.fields(input, '', {
      schema: 'required', revision: 'required', flags: 'required', audiences: 'required', drains: 'optional',
    }); // prettier-ignore
    const schema = this.#reader.oneOf(read.schema, 'schema', ['crossfade.ruleset/1']);
    const revision = this.#reader.whole(read.revision, 'revision', 0);
    const audiences = this.#reader.map(read.audiences, 'audiences', (audience, path) =>
      this.#audience(audience, path),
    );
    const check = new AudienceCheck(audiences);
    const flags = this.#reader.map(read.flags, 'flags', (flag, path) => this.#flag(flag, path, check));
    const drains = read.drains === undefined ? {} : { drains: this.#drains(read.drains) };
    return Object.freeze({ schema, revision, flags, audiences, ...drains });
  }

  #audience(value: unknown, path: string): Audience {
    const read = this.#reader.fields(value, path, { description: 'optional', when: 'required' });
    const when = readCondition(this.#reader, read.when, memberPath(path, 'when'));
    if (read.description === undefined) return Object.freeze({ when });
    return Object.freeze({
      description: this.#reader.text(read.description, memberPath(path, 'description'), 0),
      when,
    });
  }

  #flag(value: unknown, path: string, check: AudienceCheck): Flag {
    const read = this.#reader.fields(value, path, {
      variants: 'required', defaultVariant: 'required', enabled: 'required', salt: 'required', overrides: 'optional',
      rules: 'required', leaseMs: 'optional', rollout: 'optional', metadata: 'optional',
    }); // prettier-ignore
    const at = (field: string) => memberPath(path, field);
    const variants = this.#reader.map(read.variants, at('variants'), (variant, to) =>
      this.#reader.json(variant, to),
    );
    const variant = (name: unknown, to: string) => this.#variant(name, to, variants);
    return Object.freeze({
      variants,
      defaultVariant: variant(read.defaultVariant, at('defaultVariant')),
      enabled: this.#reader.boolean(read.enabled, at('enabled')),
      salt: this.#reader.text(read.salt, at('salt'), 1, 256),
      ...(read.overrides === undefined
        ? {}
        : { overrides: this.#reader.map(read.overrides, at('overrides'), variant) }),
      rules: this.#rules(read.rules, at('rules'), variant, check),
      ...(read.leaseMs === undefined
        ? {}
        : { leaseMs: this.#reader.whole(read.leaseMs, at('leaseMs'), 1, leaseLimitMs) }),
      ...(read.rollout === undefined ? {} : { rollout: this.#stamp(read.rollout, at('rollout'), variant) }),
      ...(read.metadata === undefined
        ? {}
        : {
            metadata: this.#reader.map(read.metadata, at('metadata'), (value, to) =>
              this.#reader.json(value, to),
            ),
          }),
    });
  }

  #variant(value: unknown, path: string, variants: Readonly<Record<string, Json>>): string {
    if (typeof value !== 'string' || !Object.hasOwn(variants, value)) {
      const known = Object.keys(variants)
        .slice(0, 10)
        .map((name) => `"${name}"`)
        .join(', ');
      throw refuse(path, `a variant of this flag (${known || 'it has none'})`, value);
    }
    return value;
  }

  #rules(value: unknown, path: string, variant: VariantReader, check: AudienceCheck): readonly Rule[] {
    const ids = new Set<string>();
    return this.#reader.list(
      value,
      path,
      (one, at) => {
        const read = this.#reader.fields(one, at, { id: 'required', when: 'optional', serve: 'required' });
        const id = this.#reader.name(read.id, memberPath(at, 'id'));
        if (ids.has(id) || id.startsWith('@')) {
          throw refuse(
            memberPath(at, 'id'),
            'an id that no other rule of this flag has and that does not begin with "@"',
            id,
          );
        }
        ids.add(id);
        const serve = this.#serve(read.serve, memberPath(at, 'serve'), variant);
        if (read.when === undefined) return Object.freeze({ id, serve });
        const when = readCondition(this.#reader, read.when, memberPath(at, 'when'));
        check.check(when, memberPath(at, 'when'));
        return Object.freeze({ id, when, serve });
      },
      ruleLimit,
    );
  }

  #serve(value: unknown, path: string, variant: VariantReader): Serve {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'variant')) {
      const read = this.#reader.fields(value, path, { variant: 'required' });
      return Object.freeze({ variant: variant(read.variant, memberPath(path, 'variant')) });
    }
    return this.#share(value, path, variant);
  }

  #share(value: unknown, path: string, variant: VariantReader): Share {
    const read = this.#reader.fields(value, path, { share: 'required', slices: 'required', by: 'optional' });
    const share = this.#reader.whole(read.share, memberPath(path, 'share'), 0, bucketCount);
    const at = memberPath(path, 'slices');
    const slices = this.#reader.list(
      read.slices,
      at,
      (slice, to) => this.#slice(slice, to, variant),
      sliceLimit,
    );
    const order = [...slices.keys()].sort((a, b) => (slices[a]?.start ?? 0) - (slices[b]?.start ?? 0));
    for (const [place, index] of order.entries()) {
      const before = slices[order[place - 1] ?? -1];
      const slice = slices[index];
      if (before !== undefined && slice !== undefined && slice.start < before.end) {
        throw refuse(
          memberPath(memberPath(at, index), 'start'),
          `a slice that begins at or after ${before.end}, where another ends`,
          slice.start,
        );
      }
    }
    if (read.by === undefined) return Object.freeze({ share, slices });
    return Object.freeze({ share, slices, by: readAttribute(this.#reader, read.by, memberPath(path, 'by')) });
  }

  #slice(value: unknown, path: string, variant: VariantReader): Slice {
    const read = this.#reader.fields(value, path, {
      variant: 'required',
      start: 'required',
      end: 'required',
    });
    const start = this.#reader.whole(read.start, memberPath(path, 'start'), 0, bucketCount - 1);
    // Half-open: a slice of nothing is left out, not written.
    const end = this.#reader.whole(read.end, memberPath(path, 'end'), start + 1, bucketCount);
    return Object.freeze({ variant: variant(read.variant, memberPath(path, 'variant')), start, end });
  }

  #stamp(value: unknown, path: string, variant: VariantReader): RolloutStamp {
    const read = this.#reader.fields(value, path, {
      name: 'required', epoch: 'required', controlVariant: 'required', candidateVariant: 'required', candidateBuild: 'optional',
    }); // prettier-ignore
    const build = read.candidateBuild;
    return Object.freeze({
      name: this.#reader.name(read.name, memberPath(path, 'name')),
      epoch: this.#reader.whole(read.epoch, memberPath(path, 'epoch'), 0),
      controlVariant: variant(read.controlVariant, memberPath(path, 'controlVariant')),
      candidateVariant: variant(read.candidateVariant, memberPath(path, 'candidateVariant')),
      ...(build === undefined
        ? {}
        : { candidateBuild: this.#reader.text(build, memberPath(path, 'candidateBuild'), 1, 256) }),
    });
  }

  #drains(value: unknown): readonly Drain[] {
    const ids = new Set<string>();
    return this.#reader.list(
      value,
      'drains',
      (one, at) => {
        const read = this.#reader.fields(one, at, {
          id: 'required', rollout: 'required', flag: 'required', variant: 'required', policy: 'required',
        }); // prettier-ignore
        const name = (field: 'id' | 'rollout' | 'flag' | 'variant') =>
          this.#reader.name(read[field], memberPath(at, field));
        const drain = {
          id: name('id'),
          rollout: name('rollout'),
          flag: name('flag'),
          variant: name('variant'),
        };
        if (ids.has(drain.id)) throw refuse(memberPath(at, 'id'), 'an id that no other drain has', drain.id);
        ids.add(drain.id);
        const policy = this.#reader.oneOf(read.policy, memberPath(at, 'policy'), [
          'finish',
          'migrate',
          'cut',
        ]);
        return Object.freeze({ ...drain, policy });
      },
      drainLimit,
    );
  }
}

type VariantReader = (name: unknown, path: string) => string;
