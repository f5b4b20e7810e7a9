/** A gateway in a process of its own, to be killed. Settings come by IPC; so do orders, and what it has to say. */
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemIds } from '@crossfade/sdk/core/ids';
import { silentLog } from '@crossfade/sdk/core/log';
import type { DrainPolicy, RolloutStamp } from '@crossfade/sdk/flags/ruleset';
import { type JournalOptions, openJournal } from '../journal/file-journal.ts';
import { openSqliteSessionStore } from '../store/sqlite/sessions.ts';
import { startGateway } from './gateway.ts';
import type { Upstream } from './upstream.ts';

export interface ChildSettings {
  readonly folder: string;
  readonly port: number;
  readonly upstreams: readonly Upstream[];
  /** The upstream that every decision names. */
  readonly serves: string;
  /** When the journal writes and flushes; its own times when absent. */
  readonly journal?: Pick<JournalOptions, 'writeDelayMs' | 'commitIntervalMs'>;
}

export type ChildOrder = { readonly drain: DrainPolicy };

export type ChildWord =
  | { readonly type: 'ready'; readonly port: number }
  /** Sessions of the drain that have left the candidate so far. */
  | { readonly type: 'drained'; readonly sessions: number };

const stamp: RolloutStamp = { name: 'r', epoch: 1, controlVariant: 'control', candidateVariant: 'candidate' };

const say = (word: ChildWord): void => void process.send?.(word);

async function run({ folder, port, upstreams, serves, journal: times }: ChildSettings): Promise<void> {
  const journal = await openJournal({ folder: join(folder, 'journal'), clock: systemClock, ...times });
  const sessions = await openSqliteSessionStore({ file: join(folder, 'sessions.sqlite') });
  const variant = serves === 'control' ? 'control' : 'candidate';
  const gateway = await startGateway({
    host: '127.0.0.1',
    port,
    flag: 'pipeline',
    upstreams,
    controlUpstream: 'control',
    journal,
    sessions,
    evaluator: { evaluate: () => ({ value: serves, variant, reason: 'SPLIT', revision: 1, rollout: stamp }) },
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
    onDrainReport: (_, progress) => {
      const left = progress.sessions.filter(({ outcome }) => outcome !== 'open');
      say({ type: 'drained', sessions: left.length });
    },
  });
  process.on('message', ({ drain: policy }: ChildOrder) =>
    gateway.applyDrains([{ id: 'd', rollout: 'r', flag: 'pipeline', variant: 'candidate', policy }]),
  );
  process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));
  say({ type: 'ready', port: gateway.port });
}

process.once('message', (settings: ChildSettings) => void run(settings));
process.on('disconnect', () => process.exit());
