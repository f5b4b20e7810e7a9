import { messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { type ControlHistory, controlHistory } from '../analysis/sequential/control-history.ts';
import { metricSetups } from '../rollout/judge-setup.ts';
import type { Plan } from '../rollout/plan.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';

/** Older sessions say what the service was, not what it is. */
const agesMaxMs = 14 * 24 * 60 * 60 * 1_000;

/** Control sessions that are enough, and records of any kind that are looked at for them. */
const sessionsMax = 2_000;
const recordsMax = 10_000;
const pageSize = 200;

export interface HistoryOptions {
  readonly sessions: Pick<SessionStore, 'newestRecords'>;
  readonly log: Log;
  /** Called between pages, so that others get their turn. */
  readonly breathe?: () => Promise<unknown>;
}

/**
 * What control of a plan was like lately, from the newest records of its upstream, whoever assigned them. Undefined when
 * they are too few, or cannot be read: the table's defaults cost power, and a rollout that cannot begin costs more.
 */
export async function readControlHistory(
  options: HistoryOptions,
  plan: Plan,
  nowMs: number,
): Promise<ControlHistory | undefined> {
  try {
    const records = await newestOf(options, plan.control.upstream, nowMs - agesMaxMs);
    return controlHistory(metricSetups(plan), records) ?? undefined;
  } catch (error) {
    options.log.warn(
      { rollout: plan.name, error: messageOf(error) },
      'control is judged without its history',
    );
    return undefined;
  }
}

async function newestOf(
  { sessions, breathe }: HistoryOptions,
  upstream: string,
  sinceMs: number,
): Promise<readonly SessionRecord[]> {
  const found: SessionRecord[] = [];
  let before: number | undefined;
  for (let seen = 0; seen < recordsMax && found.length < sessionsMax; seen += pageSize) {
    const page = await sessions.newestRecords({
      limit: pageSize,
      ...(before === undefined ? {} : { before }),
    });
    for (const { record } of page) {
      if (record.assignment.upstream === upstream && record.endedAtMs >= sinceMs) found.push(record);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize || last.record.endedAtMs < sinceMs) break;
    before = last.sequence;
    await breathe?.();
  }
  return found.slice(0, sessionsMax);
}
