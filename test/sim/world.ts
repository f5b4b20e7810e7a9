import { setImmediate as nextTurn } from 'node:timers/promises';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { below, seededRandom, type Random } from '@crossfade/sdk/core/random';
import { routedNotice } from '../../packages/crossfade/src/controller/notice-routes.ts';
import type { NoticeSender } from '../../packages/crossfade/src/controller/notifier.ts';
import { exposureLeaseMs } from '../../packages/crossfade/src/rollout/lease.ts';
import { createMemoryRolloutStore } from '../../packages/crossfade/src/store/memory/events.ts';
import { createMemorySessionStore } from '../../packages/crossfade/src/store/memory/sessions.ts';
import type { RolloutStore, SessionStore } from '../../packages/crossfade/src/store/store.ts';
import { Checker, type Seen } from './checker.ts';
import { faulty } from './faulty-store.ts';
import { SimGateway, type OpenSession } from './gateway.ts';
import { clockOf, Life, never } from './life.ts';
import { Network } from './network.ts';
import type { Mutant } from './mutants.ts';
import { Operators } from './operators.ts';
import { SimPlane } from './plane.ts';
import { maturityMs, plannedSessions, rolloutName, simPlan } from './sim-plan.ts';
import { recordOf, startOf } from './session-record.ts';
import { reportsInTime, waitMs, type Setting } from './setting.ts';

export interface Outcome {
  readonly seed: number;
  /** Nothing when every promise was kept. */
  readonly problems: readonly string[];
  readonly seen: Seen & { readonly kills: number; readonly partitions: number; readonly steps: number };
  /** The last lines of what happened. */
  readonly trace: readonly string[];
}

export interface WorldOptions {
  readonly setting: Setting;
  readonly mutant?: Mutant;
  readonly store?: RolloutStore;
  readonly sessions?: SessionStore;
  readonly traceLines?: number;
}

/** Rollouts one after the other in one world: what was taken back is followed by another build. */
const rolloutsMax = 4;

/** Until the worst retry of a notice is over, and of a rollback its limits. */
const restMs = 70 * 60_000;

/** More steps than any world makes: one that goes on is a problem of its own. */
const stepsMax = 3_000_000;

/** One world: a control plane that is killed and started, gateways that are cut off, users, and operators. */
export class World {
  readonly #setting: Setting;
  readonly #mutant: Mutant | undefined;
  readonly #clock = new ManualClock();
  readonly #random: Random;
  readonly #store: RolloutStore;
  readonly #sessions: SessionStore;
  readonly #checker: Checker;
  readonly #gateways: readonly SimGateway[];
  readonly #operators: Operators;
  readonly #network: Network;
  readonly #delivered = new Set<string>();
  readonly #trace: string[] = [];
  readonly #traceLines: number;
  readonly #badFromMs: number;
  #plane: SimPlane | null = null;
  #isMended = false;
  #rollout = 1;
  #kills = 0;
  #partitions = 0;

  constructor(options: WorldOptions) {
    const { setting, mutant } = options;
    this.#setting = setting;
    this.#mutant = mutant;
    this.#random = seededRandom(setting.seed ^ 0x51ab);
    this.#traceLines = options.traceLines ?? 60;
    this.#store = this.#watched(options.store ?? createMemoryRolloutStore());
    this.#sessions = options.sessions ?? createMemorySessionStore();
    const { durationMs, quality } = setting;
    this.#badFromMs =
      quality === 'good' ? Infinity : quality === 'bad' ? 0 : durationMs * this.#random.next() * 0.7;
    this.#checker = new Checker({
      badFromMs: this.#badFromMs,
      reportsInTime: reportsInTime(setting),
      tickMs: setting.tickMs,
    });
    this.#gateways = Array.from({ length: setting.gateways }, (_, index) => {
      const own = { clock: this.#clock, random: this.#random };
      const gateway = new SimGateway({ id: `gateway-${index + 1}`, ...own });
      mutant?.gateway?.(gateway);
      return gateway;
    });
    this.#operators = new Operators({
      random: this.#random,
      rollBack: setting.operatorsRollBack,
      plans: () => [
        this.#plan(),
        this.#plan({ drain: 'cut' }),
        this.#plan({ guardrails: { minSessions: plannedSessions + 10 } }),
      ],
      onProblem: (problem) => this.#checker.problems.push(problem),
      say: (line) => this.#say(line),
    });
    this.#network = new Network({
      clock: this.#clock,
      random: this.#random,
      heartbeatMs: setting.heartbeatMs,
      plane: () => this.#plane,
      onReport: (told) => this.#operators.press('drain report', told),
    });
  }

  /** Lives until the end or the first broken promise. */
  async run(): Promise<Outcome> {
    const undo = this.#mutant?.plant?.() ?? ((): void => {});
    try {
      return await this.#live();
    } finally {
      undo();
      this.#plane?.life.kill();
    }
  }

  async #live(): Promise<Outcome> {
    const { durationMs } = this.#setting;
    this.#start();
    this.#begin();
    for (const gateway of this.#gateways) {
      this.#network.keep(gateway);
      this.#sessionSoon(gateway);
    }
    this.#disturb();
    let steps = await this.#until(durationMs, 0);
    this.#isMended = true;
    for (const gateway of this.#gateways) gateway.isCutOff = false;
    this.#say('everything is mended');
    steps = await this.#until(durationMs + restMs, steps);
    if (this.#checker.problems.length === 0) await this.#atRest();
    const { seen, problems } = this.#checker;
    const counted = { ...seen, kills: this.#kills, partitions: this.#partitions, steps };
    return { seed: this.#setting.seed, problems, seen: counted, trace: this.#trace };
  }

  async #until(endMs: number, stepsBefore: number): Promise<number> {
    let steps = stepsBefore;
    while (this.#clock.monotonicMs() < endMs && this.#checker.problems.length === 0) {
      const inMs = Math.min(this.#clock.nextInMs() ?? Infinity, endMs - this.#clock.monotonicMs());
      this.#checker.passes(inMs, this.#isWatching());
      this.#clock.advance(inMs);
      // All promises that can go on do so before the next moment.
      await nextTurn();
      const plane = this.#plane;
      if (plane !== null) this.#checker.controller(plane.manager.states(), plane.manager.ruleset().revision);
      if (++steps > stepsMax) this.#checker.problems.push(`the world did not end within ${stepsMax} steps`);
    }
    return steps;
  }

  async #atRest(): Promise<void> {
    this.#checker.atRest(this.#delivered);
    const { problems } = this.#checker;
    const damage = await this.#store.verify();
    if (damage !== null) problems.push(`the chain: ${damage.problem}`);
    for (const { id } of await this.#store.pendingOutbox({ limit: 10 }))
      problems.push(`${id} is still queued`);
  }

  // -- the control plane ----------------------------------------------------------------------------

  #start(): void {
    const life = new Life();
    const clock = clockOf(this.#clock, life);
    const { storeFails, storeIsSlow, storeKills } = this.#setting;
    const options = {
      life,
      clock,
      random: this.#random,
      onKill: () => this.#kill(life),
      faults: () =>
        this.#isMended
          ? { fails: 0, isSlow: 0, kills: 0 }
          : { fails: storeFails, isSlow: storeIsSlow, kills: storeKills },
    };
    const rawStore = this.#mutant?.store?.(this.#store) ?? this.#store;
    const starting = SimPlane.start({
      ...options,
      store: faulty(rawStore, options),
      sessions: faulty(this.#sessions, options),
      sender: this.#sender(life),
      log: silentLog,
      tickMs: this.#setting.tickMs,
      leaseMs: exposureLeaseMs,
      tamper: (manager) => this.#mutant?.manager?.(manager) ?? manager,
    });
    starting.then(
      (plane) => {
        if (!life.isAlive) return;
        this.#plane = plane;
        this.#say('the control plane runs');
        plane.manager.onRuleset(() => {
          for (const gateway of this.#gateways) this.#network.announce(gateway, true);
        });
      },
      (error: unknown) => {
        this.#say(`the control plane could not start: ${String(error)}`);
        life.kill();
        this.#clock.after(1_000, () => this.#start());
      },
    );
  }

  #kill(life: Life): void {
    if (!life.isAlive) return;
    life.kill();
    this.#kills++;
    this.#plane = null;
    this.#say('the control plane is killed');
    for (const gateway of this.#gateways) this.#network.disconnect(gateway);
    this.#clock.after(100 + waitMs(this.#random, 5_000), () => this.#start());
  }

  #sender(life: Life): NoticeSender {
    return {
      send: async ({ payload }) => {
        if (!life.isAlive) return never();
        const isDelivered = this.#isMended || this.#random.next() >= this.#setting.senderFails;
        const notice = routedNotice(payload);
        if (isDelivered || this.#random.next() < 0.3) {
          if (notice !== null) this.#delivered.add(notice.notice.id);
        }
        if (isDelivered) return undefined;
        if (this.#random.next() < 0.2) return never();
        throw new Error('The receiver fails.');
      },
    };
  }

  get #name(): string {
    return rolloutName(this.#rollout);
  }

  /** One person puts a plan through until it runs, and another build when it was taken back. */
  #begin(): void {
    const by = { actor: 'ana', reason: 'begin' };
    const attempt = (): void => {
      if (this.#isMended) return;
      this.#clock.after(5_000, attempt);
      const manager = this.#plane?.manager;
      if (manager === undefined) return;
      const name = this.#name;
      const phase = manager.states().find((one) => one.name === name)?.phase;
      if (phase === 'rolled-back' && this.#rollout < rolloutsMax) this.#rollout++;
      if (phase !== undefined && phase !== 'draft' && phase !== 'awaiting-acceptance') return;
      const put = async (): Promise<void> => {
        await manager.apply(this.#plan(), by);
        await manager.start(name, by);
        await manager.waiveAcceptance(name, by);
      };
      this.#operators.press('begin', put());
    };
    attempt();
  }

  #plan(changes: object = {}): object {
    return simPlan(this.#setting, this.#rollout, changes);
  }

  #isWatching(): boolean {
    const plane = this.#plane;
    return plane !== null && plane.evaluators.list().some(({ connected }) => connected);
  }

  /** Tells the checker of events at the moment the store took them. */
  #watched(store: RolloutStore): RolloutStore {
    return new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        if (key !== 'append') return value.bind(target) as unknown;
        return async (...args: Parameters<RolloutStore['append']>) => {
          const stored = await target.append(...args);
          this.#checker.appended(stored, this.#clock.monotonicMs());
          for (const { stream, type, streamRevision } of stored) {
            this.#say(`${stream} ${streamRevision}: ${type}`);
            if (type === 'rollback-started') this.#strike();
          }
          return stored;
        };
      },
    });
  }

  // -- users ----------------------------------------------------------------------------------------

  #sessionSoon(gateway: SimGateway): void {
    this.#clock.after(waitMs(this.#random, this.#setting.sessionEveryMs), () => {
      if (this.#isMended) return;
      this.#sessionSoon(gateway);
      const session = gateway.admit('transcription', this.#clock.monotonicMs());
      if (session === null) return;
      this.#checker.admitted(session, this.#clock.monotonicMs());
      const start = startOf(session, this.#clock.nowMs());
      this.#network.bring(gateway, (nowMs) => this.#sessions.saveSignals([start], nowMs));
      this.#clock.after(1_000 + waitMs(this.#random, 20_000), () => {
        const isNews = gateway.ends(session.sessionId);
        if (isNews) for (const { drainId } of gateway.reports()) this.#network.report(gateway, drainId);
        this.#record(gateway, session, start.startedAtMs);
      });
    });
  }

  #record(gateway: SimGateway, session: OpenSession, startedAtMs: number): void {
    const { recordLost, recordTwice, recordIsLate } = this.#setting;
    if (this.#random.next() < recordLost) return;
    const ended = recordOf(session, this.#badFromMs, this.#clock.nowMs(), this.#random);
    const record = { ...ended, startedAtMs };
    const copies = this.#random.next() < recordTwice ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const lateMs = this.#random.next() < recordIsLate ? waitMs(this.#random, 120_000) : 200;
      this.#clock.after(lateMs, () =>
        this.#network.bring(gateway, (nowMs) => this.#sessions.saveSession(record, null, nowMs)),
      );
    }
  }

  // -- what goes wrong ------------------------------------------------------------------------------

  #disturb(): void {
    const { killEveryMs, partitionEveryMs, allCutOffEveryMs, clockStepEveryMs, operatorEveryMs } =
      this.#setting;
    this.#every(killEveryMs, () => {
      if (this.#plane !== null) this.#kill(this.#plane.life);
    });
    this.#every(partitionEveryMs, () => this.#cutOffOne());
    this.#every(allCutOffEveryMs, () => {
      const forMs = maturityMs + waitMs(this.#random, 2 * maturityMs);
      for (const gateway of this.#gateways) this.#cutOff(gateway, forMs);
    });
    this.#every(clockStepEveryMs, () => {
      const byMs = (this.#random.next() - 0.5) * 2 * 3_600_000;
      this.#say(`the wall clock steps by ${Math.round(byMs / 1_000)} s`);
      this.#clock.stepWall(byMs);
    });
    this.#every(operatorEveryMs, () => {
      if (this.#plane !== null) this.#operators.burst(this.#plane.manager, this.#name);
    });
  }

  /** The worst moment: a rollback is in the log, and nobody was told of it yet. */
  #strike(): void {
    const { partitionEveryMs, killEveryMs } = this.#setting;
    if (this.#isMended) return;
    if (partitionEveryMs > 0 && this.#random.next() < 0.5) this.#cutOffOne();
    const plane = this.#plane;
    if (killEveryMs > 0 && plane !== null && this.#random.next() < 0.3) this.#kill(plane.life);
  }

  #cutOffOne(): void {
    const gateway = this.#gateways[below(this.#random, this.#gateways.length)];
    if (gateway !== undefined) this.#cutOff(gateway, waitMs(this.#random, 90_000));
  }

  #cutOff(gateway: SimGateway, forMs: number): void {
    const untilMs = this.#clock.monotonicMs() + forMs;
    if (untilMs <= gateway.cutOffUntilMs) return;
    gateway.cutOffUntilMs = untilMs;
    gateway.isCutOff = true;
    this.#partitions++;
    this.#say(`${gateway.id} is cut off for ${Math.round(forMs / 1_000)} s`);
    this.#clock.after(forMs, () => {
      if (gateway.cutOffUntilMs > untilMs) return;
      gateway.isCutOff = false;
      this.#say(`${gateway.id} is back`);
    });
  }

  #every(meanMs: number, task: () => void): void {
    if (meanMs === 0) return;
    this.#clock.after(waitMs(this.#random, meanMs), () => {
      if (this.#isMended) return;
      task();
      this.#every(meanMs, task);
    });
  }

  #say(line: string): void {
    const totalMs = this.#clock.monotonicMs();
    const time = `${Math.floor(totalMs / 3_600_000)}:${new Date(totalMs).toISOString().slice(14, 23)}`;
    this.#trace.push(`${time}  ${line}`);
    if (this.#trace.length > this.#traceLines) this.#trace.shift();
  }
}
