/** A child that died is started again this soon; most deaths are single. */
const firstDelayMs = 100;
/** A child that keeps dying is tried no more often than this. */
const longestDelayMs = 5_000;
/** Deaths further back than this are forgotten. */
export const crashWindowMs = 60_000;
/** More deaths than this within the window are a crash loop: something a restart does not heal. */
export const crashLoopDeaths = 10;
/** How often a child in a crash loop is tried, so that it comes back once its cause is gone. */
const crashLoopDelayMs = 30_000;

/** When to start a child again. */
export interface Restart {
  readonly delayMs: number;
  /** The child died too often in the last minute; worth telling a person. */
  readonly crashLoop: boolean;
}

/** Decides from the moments of a child's deaths, the last one included; `nowMs` is on the same clock. */
export function nextRestart(deathsMs: readonly number[], nowMs: number): Restart {
  const recent = deathsMs.filter((atMs) => nowMs - atMs < crashWindowMs).length;
  if (recent > crashLoopDeaths) return { delayMs: crashLoopDelayMs, crashLoop: true };
  const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, recent - 1));
  return { delayMs, crashLoop: false };
}
