import { type Log, silentLog } from '@crossfade/sdk/core/log';
import { processBlockMs } from '../analysis/process-sample.ts';
import type { Gap } from '../analysis/sequential/observed-time.ts';
import { RolloutEvidence } from '../analysis/sequential/rollout-evidence.ts';
import type { Budget, RolloutState } from '../rollout/state.ts';
import type { SessionStore, StoredRecord, StoredSignal } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import { evidenceSetup } from './evidence-setup.ts';
import { measureProcesses, type ProcessBlockSource } from './measure-processes.ts';
import type { MetricSource } from './metric-source.ts';
import { Reading } from './reading.ts';

/** Reports read at once, and pages of them in one look: a backlog must not keep rollbacks waiting. */
const pageSize = 1_000;
const pagesMax = 20;

/** Sums are saved this often: a restart reads a minute of reports again, and counts each as it was counted. */
const saveEveryMs = 60_000;

/** Looks farther apart than this left a gap. */
const gapMsDefault = 120_000;

/** After a gap gateways need a while to bring what they kept: as long as it was, and never more than this. */
const deliveryMsMax = 60_000;

/** Epochs ahead that are told apart; what names more is read on at once. */
const aheadMax = 1_000;
const wasLogged = 0;
const noneAhead: Ahead = { ofEpoch: -1, metAtLook: new Map() };

/** What the reader asks of the store. */
export type EvidenceStore = Pick<
  SessionStore,
  'record' | 'records' | 'signals' | 'snapshot' | 'saveSnapshot' | 'dropSnapshot'
>;

export interface ReaderOptions {
  /** How many times faster the clock of the evidence goes. */
  readonly timeScale?: number | undefined;
  readonly processes?: ProcessBlockSource | undefined;
  /** Looks farther apart than this left a gap, ms; so did a silence of all gateways that is longer. */
  readonly gapMs?: number | undefined;
  /** Since any gateway was heard, ms; null: none was yet. Absent: reports come from no gateways. */
  readonly gatewaySilentMs?: (() => number | null) | undefined;
  readonly log?: Log | undefined;
}

/** Epochs ahead of the rollout's: in which look, by its number, a report of each was met first. */
interface Ahead {
  readonly ofEpoch: number;
  readonly metAtLook: Map<number, number>;
}

/** One kind of report: how a page of it is asked for, where one stands, and what becomes of it. */
interface Kind<Report> {
  readonly pageAfter: (of: {
    readonly rollout: string;
    readonly limit: number;
  }) => Promise<readonly Report[]>;
  readonly placeOf: (report: Report) => { readonly epoch: number; readonly receivedAtMs: number };
  readonly take: (report: Report, receivedAtMs: number) => void;
}

interface Kept {
  readonly reading: Reading;
  /** The last look that heard a gateway, or where the silence began that was found since; null: there was none. */
  lookedAtMs: number | null;
  /** When a gateway was heard last, as of that look: seconds before it, for a gateway answers every few seconds. */
  heardAtMs: number | null;
  /** The last look that survives a crash. */
  savedLookMs: number | null;
  looks: number;
  ahead: Ahead;
  /** Where it stood when it was saved last. */
  savedAtMs: number;
  savedRecords: number;
  savedSignals: number;
}

/**
 * Reports of sessions of the rollouts that run, folded into their evidence. When a report was received decides how it
 * counts, not when it was read: so a reading that goes on from its snapshot, or begins anew from the records, has the
 * same sums, and a restart spends no error twice. Time in which nobody looked, or no gateway at all was heard, is kept
 * beside the sums, written before anything is counted by it, and matures nothing: no report could arrive in it.
 */
export class EvidenceReader implements MetricSource {
  readonly #sessions: EvidenceStore;
  readonly #timeScale: number;
  readonly #processes: ProcessBlockSource | null;
  readonly #gapMs: number;
  readonly #gatewaySilentMs: () => number | null;
  readonly #log: Log;
  readonly #readings = new Map<string, Kept>();

  constructor(sessions: EvidenceStore, options: ReaderOptions = {}) {
    this.#sessions = sessions;
    this.#timeScale = options.timeScale ?? 1;
    this.#processes = options.processes ?? null;
    this.#gapMs = options.gapMs ?? gapMsDefault;
    this.#gatewaySilentMs = options.gatewaySilentMs ?? (() => 0);
    this.#log = options.log ?? silentLog;
  }

  /** Reads what is new and brings in what has matured. Rejects when the store does; the next call goes on there. */
  async read(state: RolloutState, budget: Budget, nowMs: number): Promise<Reading> {
    const kept = await this.#keptOf(state, budget, nowMs);
    const { reading } = kept;
    for (const epoch of budget.epochs) reading.evidence.openEpoch(epoch);
    const saidMs = this.#gatewaySilentMs();
    // Before any gateway was ever heard nothing can be missing: what is stored is read, and its time is no gap.
    const isBeforeFirst = saidMs === null && kept.lookedAtMs === null;
    const silentMs = isBeforeFirst ? 0 : (saidMs ?? Infinity);
    if (silentMs > this.#gapMs) return this.#unheard(state.name, kept, saidMs !== null);
    reading.unheardSinceMs = null;
    const heardAtMs = nowMs - silentMs;
    await this.#noteGap(state.name, kept, nowMs, heardAtMs);
    kept.looks += 1;
    if (kept.ahead.ofEpoch !== state.epoch) kept.ahead = { ofEpoch: state.epoch, metAtLook: new Map() };
    const untilMs = [await this.#readSignals(state, kept), await this.#readRecords(state, kept)];
    reading.isComplete = untilMs.every((ms) => ms === null);
    // Behind a backlog time stands where its reports do, so that none of them is late for not being read; and it goes no
    // further than somebody was heard, for a silence that begins then is a gap from there.
    reading.evidence.advance(
      untilMs.reduce<number>((least, ms) => Math.min(least, ms ?? heardAtMs), heardAtMs),
    );
    this.#readProcesses(state, reading, nowMs);
    if (isBeforeFirst) return reading;
    kept.lookedAtMs = nowMs;
    kept.heardAtMs = heardAtMs;
    return reading;
  }

  /**
   * No gateway is heard: time stands, nothing is read, and the look that hears one again finds the gap, as after an
   * absence of our own. Where it began is written at once: a restart in the middle of it knows no better. After a restart
   * nobody knows yet how long the silence is: it is measured as our absence.
   */
  async #unheard(name: string, kept: Kept, isMeasured: boolean): Promise<Reading> {
    const { reading, heardAtMs } = kept;
    reading.isComplete = false;
    reading.unheardSinceMs = heardAtMs;
    if (isMeasured) kept.lookedAtMs = heardAtMs;
    if (kept.savedLookMs !== kept.lookedAtMs) await this.#saveLook(name, kept);
    return reading;
  }

  /**
   * A look that comes late, or is the first that hears a gateway again, knows nothing of the time since one was heard. A
   * silence is measured from its own beginning, also one that began while what a gap had kept back was still on its way.
   */
  async #noteGap(name: string, kept: Kept, nowMs: number, heardAtMs: number): Promise<void> {
    // How late the look is, and not since when nobody was heard before it: those seconds are no silence.
    if (nowMs - (kept.lookedAtMs ?? nowMs) <= this.#gapMs) return;
    const fromMs = kept.heardAtMs ?? nowMs;
    kept.reading.evidence.observed.miss(fromMs, nowMs + Math.min(nowMs - fromMs, deliveryMsMax));
    // With the gap, so that a restart does not find it once more and longer.
    kept.lookedAtMs = nowMs;
    kept.heardAtMs = heardAtMs;
    await this.#saveLook(name, kept);
  }

  async #saveLook(name: string, kept: Kept): Promise<void> {
    const { lookedAtMs, heardAtMs } = kept;
    const { gaps } = kept.reading.evidence.observed;
    const look: Look = { schema: 'crossfade.look/1', lookedAtMs, heardAtMs, gaps };
    await this.#sessions.saveSnapshot(lookName(name), JSON.stringify(look));
    kept.savedLookMs = lookedAtMs;
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
    const { lookedAtMs, savedLookMs } = kept;
    // Before the sums: what they counted was counted at a look that is known.
    if (lookedAtMs !== null && Math.abs(lookedAtMs - (savedLookMs ?? -Infinity)) >= this.#gapMs / 2) {
      await this.#saveLook(name, kept);
    }
    const { recordsAfter, signalsAfter } = kept.reading;
    const isNew = recordsAfter > kept.savedRecords || signalsAfter > kept.savedSignals;
    if (!isNew || Math.abs(nowMs - kept.savedAtMs) < saveEveryMs) return;
    if (kept.savedLookMs !== lookedAtMs) await this.#saveLook(name, kept);
    await this.#sessions.saveSnapshot(snapshotName(name), JSON.stringify(kept.reading));
    kept.savedAtMs = nowMs;
    kept.savedRecords = recordsAfter;
    kept.savedSignals = signalsAfter;
  }

  /** A rollout that is over needs no sums. */
  async forget(name: string): Promise<void> {
    this.#readings.delete(name);
    await this.#sessions.dropSnapshot(snapshotName(name));
    await this.#sessions.dropSnapshot(lookName(name));
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
    const look = known === undefined ? lookOf(await this.#sessions.snapshot(lookName(state.name))) : null;
    const lookedAtMs = known?.lookedAtMs ?? look?.lookedAtMs ?? null;
    const heardAtMs = known?.heardAtMs ?? look?.heardAtMs ?? lookedAtMs;
    reading.evidence.observed.restore(known?.reading.evidence.observed.gaps ?? look?.gaps ?? []);
    const { recordsAfter, signalsAfter } = reading;
    const saved = { savedAtMs: nowMs, savedRecords: recordsAfter, savedSignals: signalsAfter };
    const looked = { lookedAtMs, heardAtMs, savedLookMs: lookedAtMs };
    const kept: Kept = { reading, ...looked, looks: 0, ahead: noneAhead, ...saved };
    this.#readings.set(state.name, kept);
    return kept;
  }

  /**
   * Whether to stop before a report: it is of an epoch ahead, so the rollout may have moved on since the caller looked, and
   * the next look reads from here. One that is still ahead then is of no epoch of this log (the control plane was restored
   * from a backup, or the rollout made anew under its name): it is counted as unknown, and what follows is read.
   */
  #stopsAt(reportEpoch: number, { name, epoch }: RolloutState, { looks, ahead }: Kept): boolean {
    if (reportEpoch <= epoch) return false;
    const metAt = ahead.metAtLook.get(reportEpoch);
    if (metAt === looks) return true;
    if (metAt === undefined && ahead.metAtLook.size < aheadMax) {
      ahead.metAtLook.set(reportEpoch, looks);
      return true;
    }
    if (metAt !== undefined && metAt !== wasLogged) {
      ahead.metAtLook.set(reportEpoch, wasLogged);
      const fields = { rollout: name, epoch, reportEpoch };
      this.#log.warn(fields, 'reports of an epoch that the rollout has not reached are not counted');
    }
    return false;
  }

  /** Reads reports page by page. Null when all was read; else when the last one that was read was received. */
  async #readPages<Report>(
    state: RolloutState,
    kept: Kept,
    { pageAfter, placeOf, take }: Kind<Report>,
  ): Promise<number | null> {
    let lastMs = kept.reading.evidence.setup.originMs;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await pageAfter({ rollout: state.name, limit: pageSize });
      for (const report of page) {
        const { epoch, receivedAtMs } = placeOf(report);
        if (this.#stopsAt(epoch, state, kept)) return lastMs;
        lastMs = receivedAtMs;
        take(report, lastMs);
      }
      if (page.length < pageSize) return null;
    }
    return lastMs;
  }

  #readRecords(state: RolloutState, kept: Kept): Promise<number | null> {
    const { reading } = kept;
    return this.#readPages<StoredRecord>(state, kept, {
      pageAfter: (of) => this.#sessions.records({ ...of, after: reading.recordsAfter }),
      placeOf: ({ record, receivedAtMs }) => ({
        epoch: epochOf(record),
        receivedAtMs: receivedAtMs ?? record.endedAtMs,
      }),
      take: ({ sequence, record }, receivedAtMs) => {
        reading.recordsAfter = sequence;
        if (epochOf(record) > state.epoch) reading.evidence.recorded(record, receivedAtMs);
        else reading.add(record, receivedAtMs);
      },
    });
  }

  #readSignals(state: RolloutState, kept: Kept): Promise<number | null> {
    const { reading } = kept;
    return this.#readPages<StoredSignal>(state, kept, {
      pageAfter: (of) => this.#sessions.signals({ ...of, after: reading.signalsAfter }),
      placeOf: ({ signal, receivedAtMs }) => ({ epoch: signal.rollout.epoch, receivedAtMs }),
      take: ({ sequence, signal }, receivedAtMs) => {
        reading.signalsAfter = sequence;
        reading.addSignal(signal, receivedAtMs);
      },
    });
  }
}

function epochOf({ assignment }: SessionRecord): number {
  return assignment.rollout?.epoch ?? -1;
}

function snapshotName(rollout: string): string {
  return `evidence:${rollout}`;
}

function lookName(rollout: string): string {
  return `look:${rollout}`;
}

/** What the store keeps of the looks at a rollout, beside its sums: they may be dropped, this must not. */
interface Look {
  readonly schema: 'crossfade.look/1';
  readonly lookedAtMs: number | null;
  /** Absent where an older program wrote it, which knew of no other moment than this. */
  readonly heardAtMs?: number | null;
  readonly gaps: readonly Gap[];
}

/** Written by us; null when it is not, or of another version. */
function lookOf(text: string | undefined): Look | null {
  try {
    const look = JSON.parse(text ?? 'null') as Look | null;
    return look?.schema === 'crossfade.look/1' ? look : null;
  } catch {
    return null;
  }
}
