import type { SessionRecord } from '../../transcript/session-record.ts';
import { dayOf, lastSeenDays, noUsage, usageDays, usageOf, type Usage } from '../usage.ts';

interface UserDays {
  readonly days: Map<number, { sessions: number; audioMs: number }>;
  lastSeenAtMs: number;
}

/** Usage of users in memory. */
export class MemoryUsage {
  readonly #users = new Map<string, UserDays>();

  add(record: SessionRecord): void {
    const added = usageOf(record);
    if (added === null) return;
    const { userHash, day, audioMs } = added;
    this.#prune(day);
    const user = this.#users.get(userHash) ?? { days: new Map(), lastSeenAtMs: record.endedAtMs };
    const counted = user.days.get(day) ?? { sessions: 0, audioMs: 0 };
    user.days.set(day, { sessions: counted.sessions + 1, audioMs: counted.audioMs + audioMs });
    user.lastSeenAtMs = Math.max(user.lastSeenAtMs, record.endedAtMs);
    this.#users.set(userHash, user);
  }

  of(userHash: string, nowMs: number): Usage {
    const user = this.#users.get(userHash);
    if (user === undefined) return noUsage;
    const today = dayOf(nowMs);
    let sessions30d = 0;
    let audioMs30d = 0;
    for (const [day, counted] of user.days) {
      if (day <= today - usageDays || day > today) continue;
      sessions30d += counted.sessions;
      audioMs30d += counted.audioMs;
    }
    return { sessions30d, audioMs30d, lastSeenAtMs: user.lastSeenAtMs };
  }

  erase(userHash: string): boolean {
    return this.#users.delete(userHash);
  }

  #prune(today: number): void {
    for (const [userHash, user] of this.#users) {
      for (const day of user.days.keys()) if (day <= today - usageDays) user.days.delete(day);
      if (dayOf(user.lastSeenAtMs) <= today - lastSeenDays) this.#users.delete(userHash);
    }
  }
}
