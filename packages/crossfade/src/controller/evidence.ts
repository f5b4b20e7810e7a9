import { processBlockMs } from '../analysis/process-sample.ts';
import { RolloutEvidence } from '../analysis/sequential/rollout-evidence.ts';
import type { Budget, RolloutState } from '../rollout/state.ts';
import type { SessionStore } from '../store/store.ts';
import { evidenceSetup } from './evidence-setup.ts';
import { measureProcesses, type ProcessBlockSource } from './measure-processes.ts';
import type { MetricSource } from './metric-source.ts';
import { Reading } from './reading.ts';

/** Reports read at once, and pages of them in one look: a backlog must not keep rollbacks waiting. */
const pageSize = 1_000;
const pagesMax = 20;

/** Sums are saved this often: a restart reads a minute of reports again, and counts each as it was counted. */
const saveEveryMs = 60_000;

/** What the reader asks of the store. */
export type EvidenceStore = Pick<
  SessionStore,
  'records' | 'signals' | 'snapshot' | 'saveSnapshot' | 'dropSnapshot'
>;

interface Kept {
  readonly reading: Reading;
  /** Where it stood when it was saved last. */
  savedAtMs: number;
  savedRecords: number;
  savedSignals: number;
}

/**
 * Reports of sessions of the rollouts that run, folded into their evidence. When a report was received decides how it
 * counts, not when it was read: so a reading that goes on from its snapshot, or begins anew from the records, has the
 * same sums, and a restart spends no error twice.
 */
export class EvidenceReader implements MetricSource {
  readonly #sessions: EvidenceStore;
  readonly #timeScale: number;
  readonly #processes: ProcessBlockSource | null;
  readonly #readings = new Map<string, Kept>();

  constructor(sessions: EvidenceStore, timeScale = 1, processes: ProcessBlockSource | null = null) {
    this.#sessions = sessions;
    this.#timeScale = timeScale;
    this.#processes = processes;
  }

  /** Reads what is new and brings in what has matured. Rejects when the store does; the next call goes on there. */
  async read(state: RolloutState, budget: Budget, nowMs: number): Promise<Reading> {
    const { reading } = await this.#keptOf(state, budget, nowMs);
    for (const epoch of budget.epochs) reading.evidence.openEpoch(epoch);
    const untilMs = [await this.#readSignals(state, reading), await this.#readRecords(state, reading)];
    reading.isComplete = untilMs.every((ms) => ms === null);
    // Behind a backlog time stands where its reports do, so that none of them is late for not being read.
    reading.evidence.advance(untilMs.reduce<number>((least, ms) => Math.min(least, ms ?? nowMs), nowMs));
    this.#readProcesses(state, reading, nowMs);
    return reading;
  }

  /** Once for each block of half an hour that is over: the samples of a day are many. */
  #readProcesses({ plan }: RolloutState, reading: Reading, nowMs: number): void {
    const untilMs = Math.floor(nowMs / processBlockMs) * processBlockMs;
    if (this.#processes === null || untilMs <= reading.processesUntilMs) return;
    measureProcesses(reading.evidence, plan, this.#processes, nowMs);
    reading.processesUntilMs = untilMs;
  }

  /** Saves the sums when it is time to. */
  async keep(name: string, nowMs: number): Promise<void> {
    const kept = this.#readings.get(name);
    if (kept === undefined) return;
    const { recordsAfter, signalsAfter } = kept.reading;
    const isNew = recordsAfter > kept.savedRecords || signalsAfter > kept.savedSignals;
    if (!isNew || Math.abs(nowMs - kept.savedAtMs) < saveEveryMs) return;
    await this.#sessions.saveSnapshot(snapshotName(name), JSON.stringify(kept.reading));
    kept.savedAtMs = nowMs;
    kept.savedRecords = recordsAfter;
    kept.savedSignals = signalsAfter;
  }

  /** A rollout that is over needs no sums. */
  async forget(name: string): Promise<void> {
    this.#readings.delete(name);
    await this.#sessions.dropSnapshot(snapshotName(name));
  }

  /** Names that are being summed. */
  names(): readonly string[] {
    return [...this.#readings.keys()];
  }

  async #keptOf(state: RolloutState, budget: Budget, nowMs: number): Promise<Kept> {
    const known = this.#readings.get(state.name);
    if (known?.reading.budget === budget.number) return known;
    const setup = evidenceSetup(state, budget, this.#timeScale);
    const text = known === undefined ? await this.#sessions.snapshot(snapshotName(state.name)) : undefined;
    const restored = text === undefined ? null : Reading.restore(text, budget.number, setup);
    const reading = restored ?? new Reading(budget.number, new RolloutEvidence(setup));
    if (restored === null && known !== undefined) {
      // A new budget in the same process: its sessions come after those that were read.
      reading.recordsAfter = known.reading.recordsAfter;
      reading.signalsAfter = known.reading.signalsAfter;
    }
    const { recordsAfter, signalsAfter } = reading;
    const kept = { reading, savedAtMs: nowMs, savedRecords: recordsAfter, savedSignals: signalsAfter };
    this.#readings.set(state.name, kept);
    return kept;
  }

  /** Null when all was read; else when the last report that was read was received. */
  async #readRecords({ name, epoch }: RolloutState, reading: Reading): Promise<number | null> {
    let lastMs = reading.evidence.setup.originMs;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await this.#sessions.records({
        after: reading.recordsAfter,
        rollout: name,
        limit: pageSize,
      });
      for (const { sequence, record, receivedAtMs } of page) {
        // The rollout moved on since the caller looked: the next look reads from here.
        if ((record.assignment.rollout?.epoch ?? -1) > epoch) return lastMs;
        reading.recordsAfter = sequence;
        lastMs = receivedAtMs ?? record.endedAtMs;
        reading.add(record, lastMs);
      }
      if (page.length < pageSize) return null;
    }
    return lastMs;
  }

  async #readSignals({ name, epoch }: RolloutState, reading: Reading): Promise<number | null> {
    let lastMs = reading.evidence.setup.originMs;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await this.#sessions.signals({
        after: reading.signalsAfter,
        rollout: name,
        limit: pageSize,
      });
      for (const { sequence, signal, receivedAtMs } of page) {
        if (signal.rollout.epoch > epoch) return lastMs;
        reading.signalsAfter = sequence;
        lastMs = receivedAtMs;
        reading.addSignal(signal, receivedAtMs);
      }
      if (page.length < pageSize) return null;
    }
    return lastMs;
  }
}

function snapshotName(rollout: string): string {
  return `evidence:${rollout}`;
}
