/** Which pipelines a run really tested: behind a gateway that is for its records to say. */
import type { SessionServer } from './driver.ts';
import type { AcceptanceReport } from './report.ts';

export type ServedBy = NonNullable<AcceptanceReport['servedBy']>[number];

/** Sessions by who served them; one that was taken over counts for both. */
export class ServerTotals {
  readonly #rows = new Map<string, { -readonly [key in keyof ServedBy]: ServedBy[key] }>();

  add(servers: readonly SessionServer[]): void {
    for (const { upstream, build, tookOver } of servers) {
      const key = JSON.stringify([upstream, build]);
      const row = this.#rows.get(key) ?? { upstream, build, sessions: 0, tookOver: 0 };
      row.sessions += 1;
      if (tookOver) row.tookOver += 1;
      this.#rows.set(key, row);
    }
  }

  /** The one that served most first. */
  get rows(): readonly ServedBy[] {
    return [...this.#rows.values()].map((row) => ({ ...row })).sort((a, b) => b.sessions - a.sessions);
  }
}

/** `streaming (build 2.1) 12 sessions; legacy (build not said) 2 sessions, took over 2`. */
export function servedByText(rows: readonly ServedBy[] | undefined): string {
  if (rows === undefined || rows.length === 0) return 'the target does not say';
  return rows
    .map(({ upstream, build, sessions, tookOver }) => {
      const count = `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
      const how = tookOver === 0 ? '' : `, took over ${tookOver}`;
      return `${upstream ?? 'the target itself'} (build ${build ?? 'not said'}) ${count}${how}`;
    })
    .join('; ');
}

/** A sentence where others than the build under test had a part in what was measured; null: nobody had. */
export function servedByNotice({ servedBy = [], target }: AcceptanceReport): string | null {
  const isOther = ({ build, tookOver }: ServedBy): boolean =>
    tookOver > 0 || (target.build !== null && build !== null && build !== target.build);
  if (!servedBy.some(isOther)) return null;
  const under = target.build === null ? '' : ` ${target.build}`;
  return `Not only the build under test${under} served these sessions: ${servedByText(servedBy)}.`;
}
