import type { Clock } from '@crossfade/sdk/core/clock';
import type { Random } from '@crossfade/sdk/core/random';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import { dataPaths } from '../data-folder.ts';
import { Auditor, type AuditedSession } from './auditor.ts';
import type { DrillPlan, PlannedFault } from './drill-plan.ts';
import { type DrillReport, drillReport, type Trial } from './drill-report.ts';
import { type DrillSystem, NoSmallDisk, startDrillSystem } from './drill-system.ts';
import { inject } from './inject.ts';
import { Lanes } from './lanes.ts';
import { untilRecovered } from './recovery-watch.ts';
import type { SpokenSession } from './spoken-session.ts';

export interface DrillOptions {
  readonly profile: string;
  readonly plan: DrillPlan;
  /** No new fault after this; what is left of the plan is reported as not run. */
  readonly limitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Progress, for people. */
  readonly tell: (line: string) => void;
  /** The data folders stay for a look, with their logs. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/** A recovery that took longer names the session that was last, to look for in the logs, ms. */
const slowMs = 5_000;

/** Breaks a real system as planned, and holds every session against the truth. Leaves nothing running. */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const drill = new Drill(options);
  const { faults, systems } = options.plan;
  // A full disk needs a system of its own; first, so that a limit of time does not always cut the same faults off.
  await drill.phase(
    faults.filter(({ kind }) => kind === 'disk-full'),
    { number: 0, withSmallDisk: true },
  );
  const others = faults.filter(({ kind }) => kind !== 'disk-full');
  await drill.together(
    Array.from({ length: systems }, (_, number) =>
      drill.phase(
        others.filter((__, index) => index % systems === number),
        { number, withSmallDisk: false },
      ),
    ),
  );
  return drill.report();
}

/** One of the systems that are broken. */
interface Field {
  readonly number: number;
  readonly withSmallDisk: boolean;
}

class Drill {
  readonly #options: DrillOptions;
  readonly #startedAtMs: number;
  readonly #trials: Trial[] = [];
  readonly #audited: AuditedSession[] = [];
  readonly #notRun: DrillReport['notRun'][number][] = [];
  readonly #stored = new Map<string, number>();
  #starting: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  constructor(options: DrillOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.monotonicMs();
  }

  report(): DrillReport {
    const { profile, plan, clock } = this.#options;
    return drillReport({
      profile,
      seed: plan.seed,
      durationMs: clock.monotonicMs() - this.#startedAtMs,
      trials: this.#trials,
      audited: this.#audited,
      notRun: this.#notRun,
      stored: this.#stored,
    });
  }

  /** Waits for all phases, also when one fails; then that failure counts. */
  async together(phases: readonly Promise<void>[]): Promise<void> {
    for (const phase of phases) void phase.catch(() => (this.#hasFailed = true));
    const ends = await Promise.allSettled(phases);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** A system of its own, its sessions and these faults, one after the other. */
  async phase(faults: readonly PlannedFault[], field: Field): Promise<void> {
    if (faults.length === 0) return;
    const { withSmallDisk } = field;
    let on: DrillSystem;
    try {
      on = await this.#start(withSmallDisk);
    } catch (error) {
      if (!(error instanceof NoSmallDisk)) throw error;
      this.#skip(faults, error.message);
      return;
    }
    this.#tell(`the system is up${withSmallDisk ? ', its journal on a small disk' : ''}`);
    try {
      await this.#speakThrough(faults, on, field);
      await on.stop();
      await this.#countRecords(on);
    } finally {
      await on.stop();
      if (this.#options.keep) this.#tell(`data and logs are kept in ${on.system.dataDir}`);
      else await on.remove();
    }
  }

  /** One after the other: two systems that look for free ports at once could find the same. */
  #start(withSmallDisk: boolean): Promise<DrillSystem> {
    const { clock, random } = this.#options;
    const started = this.#starting.then(() => startDrillSystem({ clock, random, withSmallDisk }));
    this.#starting = started.catch(() => undefined);
    return started;
  }

  async #speakThrough(faults: readonly PlannedFault[], on: DrillSystem, field: Field): Promise<void> {
    const { plan, clock } = this.#options;
    const { gatewayUrl } = on.system;
    const auditor = new Auditor(gatewayUrl, clock);
    const onOver = (session: SpokenSession): void => auditor.add(session);
    const firstLane = field.number * plan.lanes;
    const lanes = new Lanes({ seed: plan.seed, firstLane, lanes: plan.lanes, gatewayUrl, clock, onOver });
    lanes.start();
    try {
      await this.#tryAll(faults, on, lanes);
      this.#tell('no more faults; the open sessions say what they have to say');
      await lanes.stop();
      await auditor.finish();
    } finally {
      await lanes.abandon();
      auditor.abandon();
    }
    this.#audited.push(...auditor.audited);
  }

  async #tryAll(faults: readonly PlannedFault[], on: DrillSystem, lanes: Lanes): Promise<void> {
    const { clock, limitMs, signal } = this.#options;
    for (const [index, fault] of faults.entries()) {
      signal.throwIfAborted();
      // Another system's drill could not go on: its failure is the result.
      if (this.#hasFailed) return;
      if (clock.monotonicMs() - this.#startedAtMs > limitMs) {
        this.#skip(faults.slice(index), `the time of ${limitMs / 1_000} s was over`);
        return;
      }
      await new Promise<void>((resolve) => clock.after(fault.waitMs, resolve));
      await this.#try(fault, on, lanes);
    }
  }

  async #try(fault: PlannedFault, on: DrillSystem, lanes: Lanes): Promise<void> {
    const { clock } = this.#options;
    const open = new Set(lanes.open);
    await inject(fault, on, clock);
    for (const session of lanes.open) open.add(session);
    for (const session of open) session.cases.add(fault.case);
    const { ms, slowest } = await untilRecovered([...open], on.system.gatewayUrl, clock);
    this.#trials.push({ fault, sessions: open.size, recoveryMs: ms });
    const said = ms === null ? 'NOT whole again in time' : `whole again after ${Math.round(ms)} ms`;
    const last =
      slowest === null || (ms ?? slowMs) < slowMs ? '' : `, ${slowest.name} ${slowest.sessionId} last`;
    this.#tell(`case ${fault.case} ${fault.kind}: ${open.size} sessions ${said}${last}`);
  }

  #skip(faults: readonly PlannedFault[], why: string): void {
    for (const kind of new Set(faults.map((fault) => fault.kind))) {
      const count = faults.filter((fault) => fault.kind === kind).length;
      this.#notRun.push({ kind, faults: count, why });
    }
  }

  /** How often each session stands in the gateway's store, which nobody writes any more. */
  async #countRecords(on: DrillSystem): Promise<void> {
    const store = await openSqliteSessionStore({ file: dataPaths(on.system.dataDir).sessions });
    try {
      for (let after = 0; ;) {
        const page = await store.records({ after });
        for (const { record, sequence } of page) {
          this.#stored.set(record.sessionId, (this.#stored.get(record.sessionId) ?? 0) + 1);
          after = sequence;
        }
        if (page.length === 0) return;
      }
    } finally {
      await store.close();
    }
  }

  #tell(line: string): void {
    const { tell, clock } = this.#options;
    tell(`${((clock.monotonicMs() - this.#startedAtMs) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
  }
}
