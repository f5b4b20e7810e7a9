import type { Clock } from '@crossfade/sdk/core/clock';
import type { Log } from '@crossfade/sdk/core/log';
import type { Random } from '@crossfade/sdk/core/random';
import { readControlHistory } from '../../packages/crossfade/src/controller/control-history.ts';
import { EvaluatorRegistry } from '../../packages/crossfade/src/controller/evaluator-registry.ts';
import { ControlLoop } from '../../packages/crossfade/src/controller/loop.ts';
import { Notifier, type NoticeSender } from '../../packages/crossfade/src/controller/notifier.ts';
import { RolloutManager } from '../../packages/crossfade/src/controller/rollout-manager.ts';
import { settleRollbacks } from '../../packages/crossfade/src/controller/settle-rollbacks.ts';
import type { RolloutStore, SessionStore } from '../../packages/crossfade/src/store/store.ts';
import type { Life } from './life.ts';

export interface PlaneOptions {
  readonly life: Life;
  /** Of this life: its timers die with it. */
  readonly clock: Clock;
  readonly random: Random;
  readonly store: RolloutStore;
  readonly sessions: SessionStore;
  readonly sender: NoticeSender;
  readonly log: Log;
  readonly tickMs: number;
  readonly leaseMs: number;
  /** A defect on purpose, to see that it is found. */
  readonly tamper: (manager: RolloutManager) => RolloutManager;
}

/** The control plane of one life, wired as the program wires it. */
export class SimPlane {
  readonly life: Life;
  readonly manager: RolloutManager;
  readonly evaluators: EvaluatorRegistry;
  readonly #loop: ControlLoop;

  private constructor(options: PlaneOptions, manager: RolloutManager, evaluators: EvaluatorRegistry) {
    const { life, clock, random, store, sessions, sender, log, tickMs } = options;
    this.life = life;
    this.manager = manager;
    this.evaluators = evaluators;
    const targets = [{ name: 'oncall', on: ['rolled-back' as const, 'dead-lettered' as const] }];
    const notifier = new Notifier({ store, sender, clock, log, random, targets });
    this.#loop = new ControlLoop({ manager, sessions, clock, log, evaluators, notifier, tickMs });
  }

  static async start(options: PlaneOptions): Promise<SimPlane> {
    const { clock, store, sessions, log, leaseMs } = options;
    const evaluators = new EvaluatorRegistry({ clock, leaseMs });
    const manager = await RolloutManager.open({
      store,
      clock,
      witnesses: () => evaluators.witnesses(),
      history: (plan, nowMs) => readControlHistory({ sessions, log }, plan, nowMs),
      noticeTargets: [{ name: 'oncall', on: ['rolled-back', 'dead-lettered'] }],
    });
    const plane = new SimPlane(options, options.tamper(manager), evaluators);
    plane.#loop.start();
    return plane;
  }

  /** An acknowledgement or a drain report came: as the HTTP surface does. */
  settle(): void {
    settleRollbacks(this.manager, this.evaluators).catch(() => {});
  }
}
