import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandOf, subjectIn } from '../rollout/rollout.fixture.ts';
import { phases } from '../rollout/state.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import type { NewEvent } from '../store/store.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'fuzzed' };
const anything = fc.anything({ withDate: true, withBigInt: true, withNullPrototype: true, withMap: true });
const json = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(null, -1, 1e300, '', '__proto__', 'x'.repeat(10_000), {}, [[]], { constructor: 1 }),
);

/** Every place of a document, as the names that lead there. */
function placesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => placesOf(inner, [...path, name]))];
}

/** The document with one place taken out, or something else put there. */
function mangled(
  document: unknown,
  place: readonly string[],
  change: { readonly put: unknown } | 'remove',
): unknown {
  if (place.length === 0) return change === 'remove' ? undefined : change.put;
  const copy = structuredClone(document) as Record<string, unknown>;
  let at = copy;
  for (const name of place.slice(0, -1)) at = at[name] as Record<string, unknown>;
  const last = place.at(-1)!;
  if (change === 'remove') delete at[last];
  else at[last] = change.put;
  return copy;
}

const change = fc.oneof(
  fc.constant('remove' as const),
  json.map((put) => ({ put })),
);

/** Whole lives, one for each phase: all kinds of events between them. */
const logs: readonly (readonly { readonly type: string }[])[] = phases.map((phase) => {
  const subject = subjectIn(phase);
  if (phase === 'rolling-back')
    for (const type of ['acknowledge', 'drain-report'] as const) subject.send(commandOf(type, subject));
  return subject.events;
});

async function opened(events: readonly NewEvent[]): Promise<RolloutManager> {
  const store = createMemoryRolloutStore();
  await store.append('streaming-2', 0, events, [], 1);
  return RolloutManager.open({ store, clock: new ManualClock() });
}

describe('a log with a record that is not ours', () => {
  test('opens and can be asked everything, or is refused with the record and the place in it', async () => {
    const log = fc
      .constantFrom(...logs)
      .chain((events) =>
        fc
          .tuple(fc.constant(events), fc.nat(events.length - 1))
          .chain(([all, at]) =>
            fc.tuple(fc.constant(all), fc.constant(at), fc.constantFrom(...placesOf(all[at])), change),
          ),
      );
    await fc.assert(
      fc.asyncProperty(log, async ([events, at, place, how]) => {
        const stored = events.map((event, index) => {
          const written = index === at ? mangled(event, place, how) : event;
          return { type: event.type, payload: JSON.stringify(written) ?? 'undefined' };
        });
        let manager: RolloutManager;
        try {
          manager = await opened(stored);
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(/STORE_CORRUPT|RULESET_INVALID/) as string,
            detail: { path: expect.any(String) as string },
          });
          return;
        }
        manager.status();
        manager.decide('transcription', { targetingKey: 'ana', email: 'a@example.com' });
        expect(await manager.history('streaming-2')).toHaveLength(events.length);
      }),
      { numRuns: 400 },
    );
  });

  test('left out, doubled or in another order is refused or folds to a state, never half of one', async () => {
    const order = fc
      .constantFrom(...logs)
      .chain((events) => fc.array(fc.constantFrom(...events), { minLength: 1, maxLength: 12 }));
    await fc.assert(
      fc.asyncProperty(order, async (events) => {
        try {
          const manager = await opened(
            events.map((event) => ({ type: event.type, payload: JSON.stringify(event) })),
          );
          expect(manager.status('streaming-2').revision).toBe(events.length);
        } catch (error) {
          expect(error).toMatchObject({
            code: 'STORE_CORRUPT',
            detail: { sequence: expect.any(Number) as number },
          });
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    [
      'of a type that a newer program writes',
      { type: 'migrated-away', payload: '{}' },
      /record 1 .*type: expected an event that this program knows/i,
    ],
    ['that is no JSON', { type: 'applied', payload: '{' }, /expected JSON/],
    [
      'that begins in the middle',
      { type: 'started', payload: JSON.stringify(subjectIn('awaiting-acceptance').events[1]) },
      /begins with applied/,
    ],
    [
      'of another rollout',
      { type: 'applied', payload: JSON.stringify({ ...subjectIn('draft').events[0], rollout: 'other' }) },
      /rollout: expected "streaming-2", got "other"/,
    ],
  ])('%s is refused', async (_, event, sentence) => {
    await expect(opened([event])).rejects.toThrow(sentence);
    await expect(opened([event])).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('anything given for a plan', () => {
  test('is taken whole or changes nothing, and is refused with its path', async () => {
    const store = createMemoryRolloutStore();
    const manager = await RolloutManager.open({ store, clock: new ManualClock() });
    await manager.apply(planDocument, by);
    await manager.start(planDocument.name, by);
    await manager.waiveAcceptance(planDocument.name, by);
    const places = placesOf(planDocument);
    const input = fc.oneof(
      anything,
      fc.tuple(fc.constantFrom(...places), change).map(([place, how]) => mangled(planDocument, place, how)),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(input, fc.boolean(), async (plan, isRevision) => {
        const before = {
          states: manager.states(),
          ruleset: manager.ruleset(),
          events: await store.read({ limit: 10_000 }),
        };
        try {
          if (isRevision) await manager.revise(planDocument.name, plan as object, by);
          else await manager.apply(plan as object, by);
        } catch (error) {
          expect(error).toBeInstanceOf(CrossfadeError);
          const { code, detail } = error as CrossfadeError;
          if (code === 'PLAN_INVALID') expect(typeof detail?.['path']).toBe('string');
          else expect(['COMMAND_REFUSED', 'ROLLOUT_CONFLICT', 'ROLLOUT_UNKNOWN']).toContain(code);
          expect({
            states: manager.states(),
            ruleset: manager.ruleset(),
            events: await store.read({ limit: 10_000 }),
          }).toEqual(before);
        }
      }),
      { numRuns: 300 },
    );
    expect(await store.verify()).toBeNull();
  });
});
