import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { eventSchemas } from '../rollout/event-schema.ts';
import type { RolloutEvent } from '../rollout/events.ts';
import { evolve } from '../rollout/evolve.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { StoredEvent } from '../store/store.ts';

/** The event in a stored record; STORE_CORRUPT with its place when it is none. */
export function eventOf(stored: StoredEvent): RolloutEvent {
  const event = jsonOf(stored);
  const schema = eventSchemas.get(stored.type);
  if (schema === undefined) {
    throw corrupt(stored, 'type', 'an event that this program knows', `"${stored.type.slice(0, 64)}"`);
  }
  const [issue] = schema.safeParse(event).error?.issues ?? [];
  if (issue !== undefined) throw corrupt(stored, issue.path.join('.'), 'an event of its type', issue.message);
  const { rollout, type } = event as RolloutEvent;
  if (rollout !== stored.stream)
    throw corrupt(stored, 'rollout', `"${stored.stream}"`, `"${rollout.slice(0, 64)}"`);
  if (type !== stored.type) throw corrupt(stored, 'type', `"${stored.type}"`, `"${type}"`);
  return event as RolloutEvent;
}

/** The state after one more record of a log; STORE_CORRUPT when the record cannot follow the ones before it. */
export function evolveStored(state: RolloutState | null, stored: StoredEvent): RolloutState {
  const event = eventOf(stored);
  let next: RolloutState;
  try {
    next = evolve(state, event);
  } catch (cause) {
    throw corrupt(stored, '', 'an event that can follow those before it', messageOf(cause), cause);
  }
  if (next.revision !== stored.streamRevision) {
    throw corrupt(
      stored,
      'type',
      `event ${stored.streamRevision} of the rollout`,
      `${event.type}, which begins one`,
    );
  }
  if (next.stageIndex !== null && next.plan.stages[next.stageIndex] === undefined) {
    throw corrupt(stored, 'stageIndex', `a stage of ${next.plan.stages.length}`, `${next.stageIndex}`);
  }
  return next;
}

function jsonOf(stored: StoredEvent): unknown {
  try {
    return JSON.parse(stored.payload);
  } catch (cause) {
    throw corrupt(stored, '', 'JSON', 'other text', cause);
  }
}

function corrupt(
  stored: StoredEvent,
  path: string,
  expected: string,
  got: string,
  cause?: unknown,
): CrossfadeError {
  const { sequence, stream } = stored;
  const at = path === '' ? '' : `, ${path}`;
  return new CrossfadeError(
    'STORE_CORRUPT',
    `Record ${sequence} of ${JSON.stringify(stream.slice(0, 64))}${at}: expected ${expected}, got ${got}. Restore the log from a backup; see: crossfade audit verify`,
    { cause, detail: { sequence, stream, path, expected, got } },
  );
}
