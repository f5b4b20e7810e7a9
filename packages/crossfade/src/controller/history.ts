import type { StoredEvent } from '../store/store.ts';
import { eventText } from './event-text.ts';
import { eventOf } from './read-event.ts';
import type { HistoryEntry } from './rollout-status.ts';

/** A stored event as a line of the audit. */
export function historyEntry(stored: StoredEvent): HistoryEntry {
  const event = eventOf(stored);
  return {
    sequence: stored.sequence,
    atMs: stored.atMs,
    rollout: stored.stream,
    type: stored.type,
    actor: event.actor.name,
    reason: event.reason,
    text: eventText(event),
    event,
    hash: stored.hash,
  };
}
