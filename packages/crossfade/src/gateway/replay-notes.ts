import { type Reconciler, segmentNumberOf } from '../transcript/reconciler.ts';
import type { Relay } from './relay.ts';
import type { SessionLedgers } from './session-ledgers.ts';
import type { SessionNote } from './session-notes.ts';

/** Brings a session's parts to where they stood when its gateway died, as far as the journal knows. */
export function replayNotes(
  notes: readonly SessionNote[],
  to: { readonly ledgers: SessionLedgers; readonly reconciler: Reconciler; readonly relay: Relay },
  atMs: number,
): void {
  const { ledgers, reconciler, relay } = to;
  const notTimed = (): number => Number.NaN;
  for (const note of notes) {
    if (note.kind === 'final') {
      const { latencyMs } = note;
      const dueMs = latencyMs === null ? notTimed : (): number => atMs - latencyMs;
      if (note.byArm && note.hadPartial) ledgers.upstreamPartial(note, atMs, notTimed);
      if (note.byArm) ledgers.upstreamFinal(note, atMs, dueMs);
      ledgers.shown(note, true, atMs, dueMs);
      reconciler.restore(note, segmentNumberOf(note.segmentId));
    } else if (note.kind === 'left-arm') {
      relay.restore(note.to);
      if (note.failure === '') ledgers.migratedFromArm();
      else ledgers.rescuedFromArm(note.to, note.failure);
    } else if (note.kind === 'restart') ledgers.gatewayRestarted();
    else if (note.kind === 'fault' && note.byArm) {
      const { upstream, end, reason } = note;
      const audio = { startSample: 0, samplesForwarded: 0, samplesCovered: 0 };
      ledgers.attemptEnded({ upstream, ...audio, end, reason }, atMs);
    }
  }
}
