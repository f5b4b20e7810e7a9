import { setImmediate as nextTurn } from 'node:timers/promises';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type { RolloutStore, SessionStore } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import { readControlHistory } from './control-history.ts';
import { EvaluatorRegistry } from './evaluator-registry.ts';
import { ControlLoop, type ControlLoopOptions } from './loop.ts';
import { planDocument, sessionOf } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

export const halfHourMs = 1_800_000;
export const hourMs = 3_600_000;
export const by = { actor: 'ana', reason: 'finals in half the time' };
export const name = 'streaming-2';

export interface Setting {
  readonly plan?: object;
  readonly store: RolloutStore;
  readonly sessions: SessionStore;
  readonly clock?: ManualClock;
  readonly loop?: Partial<ControlLoopOptions>;
  /** Whether a gateway listens. */
  readonly gateway?: boolean;
}

/** Sessions of one look. */
export interface Traffic {
  /** Latency of the candidate's finals, ms. */
  readonly finalMs?: number;
  /** Sessions of the candidate. */
  readonly perArm?: number;
  /** What is different from a clean session; null: it never reports. */
  readonly change?: (record: SessionRecord, i: number) => SessionRecord | null;
}

/** One control plane in this process, with traffic on both arms for as long as it is moved on. */
export class World {
  readonly clock: ManualClock;
  readonly store: RolloutStore;
  readonly sessions: SessionStore;
  readonly evaluators: EvaluatorRegistry;
  readonly manager: RolloutManager;
  readonly loop: ControlLoop;
  readonly tickMs: number;
  #sessionCount: number;

  private constructor(
    setting: Setting,
    manager: RolloutManager,
    evaluators: EvaluatorRegistry,
    clock: ManualClock,
  ) {
    this.clock = clock;
    this.store = setting.store;
    this.sessions = setting.sessions;
    this.manager = manager;
    this.evaluators = evaluators;
    this.tickMs = setting.loop?.tickMs ?? halfHourMs;
    this.#sessionCount = clock.nowMs();
    const { sessions } = this;
    this.loop = new ControlLoop({
      manager,
      sessions,
      clock,
      log: silentLog,
      evaluators,
      ...setting.loop,
      tickMs: this.tickMs,
    });
  }

  static async open(setting: Setting): Promise<World> {
    const clock = setting.clock ?? new ManualClock();
    const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
    if (setting.gateway !== false) evaluators.connected('gateway-1', 'gateway');
    const manager = await RolloutManager.open({
      store: setting.store,
      clock,
      witnesses: () => evaluators.witnesses(),
      history: (plan, nowMs) =>
        readControlHistory({ sessions: setting.sessions, log: silentLog }, plan, nowMs),
    });
    if (manager.states().length === 0) {
      await manager.apply(setting.plan ?? planDocument, by);
      await manager.start(name, by);
      await manager.waiveAcceptance(name, by);
    }
    return new World(setting, manager, evaluators, clock);
  }

  get status() {
    return this.manager.status(name);
  }

  /** Moves on tick by tick while sessions end in both arms, until `until` holds or `ticksMax` are over. */
  async run(until: () => boolean, traffic: Traffic = {}, ticksMax = 1_000): Promise<number> {
    for (let ticks = 0; ticks < ticksMax; ticks++) {
      if (until()) return ticks;
      this.clock.advance(this.tickMs);
      await this.traffic(traffic);
      await this.loop.tick();
      // What goes on beside the loop ends before half an hour passes.
      await nextTurn();
    }
    return ticksMax;
  }

  /** `perArm` sessions of the candidate, and as many of control as the share of the stage leaves it. */
  async traffic({ finalMs = 400, perArm = 2, change = (same) => same }: Traffic = {}): Promise<void> {
    const { epoch, stage } = this.status;
    const share = (stage?.shareBuckets ?? 0) / bucketCount;
    const rule = share === 0 ? 'audience:internal' : `stage:${stage?.name}`;
    const control = share > 0 && share < 1 ? Math.round((perArm * (1 - share)) / share) : perArm;
    const endedAtMs = this.clock.nowMs();
    for (const [arm, sessions] of [['candidate', perArm] as const, ['control', control] as const]) {
      for (let i = 0; i < sessions; i++) {
        const id = `session-${this.#sessionCount++}-${arm}`;
        const late = arm === 'candidate' ? { finalMs } : {};
        const record = change(sessionOf({ id, arm, epoch, rule, endedAtMs, ...late }), i);
        if (record !== null) await this.sessions.saveSession(record, null, endedAtMs);
      }
    }
  }

  async types(): Promise<readonly string[]> {
    return (await this.manager.history(name)).map(({ type }) => type);
  }
}
