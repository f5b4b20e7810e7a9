import type { Clock } from '@crossfade/sdk/core/clock';
import { auditSession, type SessionAudit, type StoredSession } from './audit-session.ts';
import { askSession } from './gateway-session.ts';
import type { SpokenSession } from './spoken-session.ts';

export interface AuditedSession {
  readonly session: SpokenSession;
  readonly audit: SessionAudit;
}

/** A session without a client is finished within 30 s of a restart; a second fault may begin that anew. */
const endLimitMs = 90_000;
/** A gateway that still does not know a session this long after it was asked first never will. */
const unknownLimitMs = 5_000;
const pollMs = 250;

/** Waits for the end of each session at the gateway, then holds it against the truth. */
export class Auditor {
  readonly #gatewayUrl: string;
  readonly #clock: Clock;
  readonly #audited: AuditedSession[] = [];
  readonly #running = new Set<Promise<void>>();
  #isAbandoned = false;

  constructor(gatewayUrl: string, clock: Clock) {
    this.#gatewayUrl = gatewayUrl;
    this.#clock = clock;
  }

  get audited(): readonly AuditedSession[] {
    return this.#audited;
  }

  add(session: SpokenSession): void {
    const work = this.#audit(session).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** Resolves when every session that was added is audited. */
  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** The gateway is gone: what it still owed is not asked for any more. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  async #audit(session: SpokenSession): Promise<void> {
    // It never came as far as a connection: there is nothing to audit.
    if (session.sessionId === null && session.spokenSamples === 0 && session.failure === null) return;
    const stored = session.sessionId === null ? null : await this.#ended(session.sessionId);
    this.#audited.push({ session, audit: auditSession(session, stored) });
  }

  async #ended(sessionId: string): Promise<StoredSession | null> {
    const startedAtMs = this.#clock.monotonicMs();
    let unknownSinceMs: number | null = null;
    for (;;) {
      const answer = await askSession(this.#gatewayUrl, sessionId);
      const nowMs = this.#clock.monotonicMs();
      if (typeof answer === 'object' && answer.record !== undefined) {
        return { entries: answer.entries, record: answer.record };
      }
      unknownSinceMs = answer === 'unknown' ? (unknownSinceMs ?? nowMs) : null;
      if (unknownSinceMs !== null && nowMs - unknownSinceMs > unknownLimitMs) return null;
      if (this.#isAbandoned || nowMs - startedAtMs > endLimitMs) return null;
      await new Promise<void>((resolve) => this.#clock.after(pollMs, resolve));
    }
  }
}
