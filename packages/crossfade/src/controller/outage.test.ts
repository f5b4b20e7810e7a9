import { describe, expect, it } from 'vitest';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { recordOf } from '../analysis/record.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionSignal } from '../transcript/session-record.ts';
import { EvidenceReader } from './evidence.ts';
import { judgeEpoch } from './judge-epoch.ts';
import { RolloutManager } from './rollout-manager.ts';

const minuteMs = 60_000;
const by = { actor: 'ana', reason: 'an outage' };
const judge = { kind: 'automatic', name: 'judge' } as const;
const name = 'rollout';

interface Outage {
  readonly fromMinute: number;
  readonly toMinute: number;
}

interface Life {
  readonly outage?: Outage;
  /** The control plane runs on in it, and no gateway reaches it. */
  readonly isPartition?: boolean;
  /** From this minute on candidate sessions begin and are never heard of again. */
  readonly diesAtMinute?: number;
  /** A restart that drops the process's memory after each look, and what it drops of the store. */
  readonly restart?: 'with-sums' | 'without-sums';
}

/**
 * Everybody on the candidate, no holdback, five sessions a minute of ten minutes each. Gateways keep what they cannot
 * bring while the control plane is away, and bring all of it a second after it is back.
 */
async function lived(
  minutes: number,
  { outage, isPartition = false, diesAtMinute = Infinity, restart }: Life = {},
) {
  const clock = new ManualClock();
  const originMs = clock.nowMs();
  const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock });
  const stages = [{ name: 'all', share: 100, bake: '24h' }];
  const [control, candidate] = [{ upstream: 'legacy' }, { upstream: 'streaming', build: 'sha256:2' }];
  await manager.apply({ name, control, candidate, holdback: 0, stages, acceptance: 'waiver' }, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  const { epoch } = manager.state(name);
  const sessions = createMemorySessionStore();
  let heardAtMs: number | null = originMs;
  const gatewaySilentMs = (): number | null => (heardAtMs === null ? null : clock.nowMs() - heardAtMs);
  let reader = new EvidenceReader(sessions, { gatewaySilentMs });
  const isAway = (minute: number): boolean =>
    outage !== undefined && minute >= outage.fromMinute && minute < outage.toMinute;
  const arrivesIn = (minute: number): number => (isAway(minute) ? outage!.toMinute : minute);
  const arrivals = new Map<number, (() => Promise<unknown>)[]>();
  const arrive = (minute: number, what: () => Promise<unknown>): void => {
    const at = arrivesIn(minute);
    arrivals.set(at, [...(arrivals.get(at) ?? []), what]);
  };
  for (let i = 0; i < minutes * 5; i++) {
    const minute = Math.floor(i / 5);
    const startedAtMs = originMs + i * 12_000;
    const userHash = i.toString(16).padStart(16, '0');
    const sessionId = `s${i}`;
    const split = { arm: 'candidate', userHash, reason: 'SPLIT', rule: 'stage:all' } as const;
    const rollout = { name, epoch };
    const signal = (kind: 'started' | 'early'): SessionSignal => ({
      ...split,
      ...(kind === 'early' ? { failed: false } : {}),
      ...{ sessionId, rollout, startedAtMs, kind },
    });
    arrive(minute, () => sessions.saveSignals([signal('started')], clock.nowMs()));
    if (minute >= diesAtMinute) continue;
    arrive(minute + 2, () => sessions.saveSignals([signal('early')], clock.nowMs()));
    const record = recordOf({ id: sessionId, userHash });
    const assignment = { ...record.assignment, rule: 'stage:all', rollout };
    const ended = { ...record, assignment, startedAtMs, endedAtMs: startedAtMs + 10 * minuteMs };
    arrive(minute + 10, () => sessions.saveSession(ended, null, clock.nowMs()));
  }
  const look = async () => {
    const state = manager.state(name);
    const reading = await reader.read(state, state.budget!, clock.nowMs());
    const judged = judgeEpoch(state, state.budget!, reading, { nowMs: clock.nowMs(), timeScale: 1 });
    await reader.keep(name, clock.nowMs());
    return { reading, judgement: judged.judgement };
  };
  const said = new Set<string>();
  let last = await look();
  for (let minute = 1; minute <= minutes; minute++) {
    clock.advance(minuteMs);
    if (isAway(minute) && !isPartition) continue;
    if (restart !== undefined) {
      heardAtMs = null;
      reader = new EvidenceReader(sessions, { gatewaySilentMs });
      if (restart === 'without-sums') await sessions.dropSnapshot(`evidence:${name}`);
    }
    // The control plane looks before the first gateway is back.
    if (minute === outage?.toMinute) last = await look();
    if (!isAway(minute)) heardAtMs = clock.nowMs();
    for (const what of arrivals.get(minute) ?? []) await what();
    last = await look();
    const { judgement } = last;
    const { sentence } = judgement.verdict;
    said.add(sentence);
    await manager.tell(name, { type: 'verdict', judgement, actor: judge, reason: sentence });
    if (manager.state(name).phase !== 'running') return { ...last, manager, minute, said };
  }
  return { ...last, manager, minute: minutes, said };
}

const outage = { fromMinute: 40, toMinute: 80 };

describe('an outage of the control plane', () => {
  it('takes no healthy build back: what could not be reported meanwhile is no failure', async () => {
    const { manager, reading, judgement } = await lived(150, { outage });

    expect(manager.state(name).phase).toBe('running');
    expect(reading.evidence.ended.refused.late).toBe(0);
    expect(reading.evidence.early.refused.late).toBe(0);
    const ends = judgement.measurement?.metrics.find(({ id }) => id === 'error-rate')?.limit;
    expect(ends?.[1]).toBe(0);
    expect(ends?.[0]).toBeGreaterThan(500);
  });

  it.each(['with-sums', 'without-sums'] as const)(
    'counts the same when the process that saw it is gone, %s',
    async (restart) => {
      const kept = await lived(120, { outage });
      const again = await lived(120, { outage, restart });

      expect(again.reading.evidence.observed.gaps).toEqual(kept.reading.evidence.observed.gaps);
      expect(again.judgement).toEqual(kept.judgement);
      expect(again.reading.evidence.ended.epochs).toEqual(kept.reading.evidence.ended.epochs);
    },
  );

  it('hides no candidate that dies in silence before it, in it or after it', async () => {
    for (const diesAtMinute of [35, 60, 90]) {
      const { manager, minute } = await lived(200, { outage, diesAtMinute });

      expect(manager.state(name).phase).not.toBe('running');
      // Ends are overdue after half an hour in which somebody looked.
      expect(minute).toBeLessThan(Math.max(diesAtMinute, outage.toMinute) + 36);
    }
  });
});

describe('a network that cuts off all gateways from a control plane that is up', () => {
  const partition = { outage, isPartition: true };

  it('counts like an absence of the control plane: the same sums, and no healthy build taken back', async () => {
    const away = await lived(150, { outage });
    const cut = await lived(150, partition);

    expect(cut.manager.state(name).phase).toBe('running');
    expect(cut.reading.evidence.observed.gaps).toEqual(away.reading.evidence.observed.gaps);
    expect(cut.judgement).toEqual(away.judgement);
    expect(cut.reading.evidence.ended.refused.late).toBe(0);
  });

  it('is said, and nothing passes meanwhile', async () => {
    const { said, judgement, reading } = await lived(70, partition);

    expect(reading.isComplete).toBe(false);
    expect(judgement.verdict).toMatchObject({
      verdict: 'no-data',
      sentence: 'No gateway was heard for 31m: nothing counts meanwhile.',
    });
    expect([...said].filter((sentence) => sentence.startsWith('No gateway'))).toHaveLength(29);
  });

  it.each(['with-sums', 'without-sums'] as const)(
    'is remembered by a control plane that is restarted in the middle of it, %s',
    async (restart) => {
      const kept = await lived(120, partition);
      const again = await lived(120, { ...partition, restart });

      expect(again.reading.evidence.observed.gaps).toEqual(kept.reading.evidence.observed.gaps);
      expect(again.judgement).toEqual(kept.judgement);
    },
  );

  it('hides no candidate that dies before it, in it or after it', async () => {
    for (const diesAtMinute of [35, 60, 90]) {
      const { manager, minute } = await lived(200, { ...partition, diesAtMinute });

      expect(manager.state(name).phase).not.toBe('running');
      expect(minute).toBeLessThan(Math.max(diesAtMinute, outage.toMinute) + 36);
    }
  });
});
