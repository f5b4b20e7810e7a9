import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { blankSession } from './erase.ts';
import type { Thoroughness } from './erase.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalLog } from './journal-log.ts';
import type { JournalState } from './journal-state.ts';
import { refused, unknown } from './refusals.ts';
import { applyRetention, overSince } from './retention.ts';
import type { Retention } from './retention.ts';
import type { OverType } from './segment.ts';
import type { SessionState } from './session-state.ts';
import type { Writer } from './writer.ts';

export interface UpkeepOptions {
  readonly fs: JournalFs;
  readonly folder: string;
  readonly clock: Clock;
  readonly log: JournalLog;
  readonly state: JournalState;
  readonly writer: Writer;
  readonly retention: Retention | undefined;
}

/** Retention looks at the files this often: its limits are hours and gigabytes. */
const retentionEveryMs = 60_000;
/** What a record that says a session is over takes at most. */
const overRecordBytes = 512;

/** Writes that a session is over, to be erased, or erased. Never refused: it takes little, and it frees much. */
export function putOver(writer: Writer, session: SessionState, type: OverType): void {
  writer.next(overRecordBytes).putOver(session, type);
}

/** Erasure and retention, one piece of work after the other: each decides by what the files hold. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #work: Promise<unknown> = Promise.resolve();
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Ends the erasures that a crash cut off, and lets retention run by itself from here on. */
  async start(): Promise<void> {
    const { state, log, retention } = this.#options;
    for (const session of [...state.byHandle.values()]) {
      if (session.phase !== 'erased' || session.blanked) continue;
      try {
        await this.#blank(session, 'scan');
      } catch (error) {
        log.error({ session: session.id, error: messageOf(error) }, 'session could not be erased yet');
      }
    }
    if (retention !== undefined) this.#runLater();
  }

  /** Resolves when nothing is under way; nothing begins by itself any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    await this.#work;
  }

  erase(sessionId: string): Promise<void> {
    const { state, writer } = this.#options;
    return this.#next(async () => {
      const session = state.byId.get(sessionId);
      if (session === undefined) throw unknown(sessionId);
      if (session.phase === 'open') {
        throw refused(
          `Expected ${sessionId} to be over before it is erased, got an open session. Close it first.`,
        );
      }
      if (session.phase !== 'erased') {
        await writer.commit();
        session.phase = 'erased';
        putOver(writer, session, 'erasing');
      }
      await writer.commit();
      if (!session.blanked) await this.#blank(session, 'listed');
    });
  }

  applyRetention(): Promise<readonly string[]> {
    const { fs, folder, log, state, writer, clock, retention } = this.#options;
    return this.#next(async () => {
      if (retention === undefined) return [];
      const nowMs = clock.nowMs();
      const restate = (session: SessionState) =>
        putOver(writer, session, session.phase === 'erased' ? 'erased' : 'close');
      const commit = () => writer.commit();
      const removed = await applyRetention({ fs, folder, log, state, nowMs, restate, commit }, retention);
      if (this.#activeIsOld(retention, nowMs)) writer.endFile();
      return removed;
    });
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  async #blank(session: SessionState, how: Thoroughness): Promise<void> {
    const { fs, folder, state, writer } = this.#options;
    await blankSession(fs, folder, state, session, how);
    putOver(writer, session, 'erased');
    await writer.commit();
    session.blanked = true;
    session.spans.length = 0;
    session.holes = [];
  }

  /** A file that still takes records is ended when all it holds is past the age; the next round removes it. */
  #activeIsOld({ maxAgeMs }: Retention, nowMs: number): boolean {
    const { state } = this.#options;
    const active = state.loose.at(-1);
    if (maxAgeMs === undefined || active?.segment === undefined || active.segment.full) return false;
    const overSinceMs = overSince({ handles: Uint32Array.from(active.contents.sessions.keys()) }, state);
    return overSinceMs !== undefined && nowMs - overSinceMs >= maxAgeMs;
  }

  #runLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(retentionEveryMs, () => {
      this.applyRetention()
        .catch((error: unknown) => {
          this.#options.log.warn({ error: messageOf(error) }, 'retention could not be applied');
        })
        .finally(() => this.#runLater());
    });
  }
}
