import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { hasCode, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { Actor, Command } from '../rollout/commands.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { Judgement } from '../rollout/verdict.ts';
import type { EvaluatorRegistry } from './evaluator-registry.ts';
import { type Comparison, comparisonOf } from './comparison.ts';
import { EvidenceReader, type EvidenceStore } from './evidence.ts';
import { lackingUpstream } from './known-upstreams.ts';
import { judgeEpoch, unreadable } from './judge-epoch.ts';
import { wantedBakeMs } from '../rollout/bake-clock.ts';
import type { ProcessBlockSource } from './measure-processes.ts';
import type { Reading } from './reading.ts';
import { inTime, type MetricSource } from './metric-source.ts';
import type { Notifier } from './notifier.ts';
import type { RolloutManager } from './rollout-manager.ts';
import { ReceiptCompletion } from './receipt-completion.ts';
import { settleRollbacks } from './settle-rollbacks.ts';
import type { Upkeep } from './upkeep.ts';

export interface ControlLoopOptions {
  readonly manager: RolloutManager;
  readonly sessions: EvidenceStore;
  /** Where evidence comes from; the session records when absent. */
  readonly source?: MetricSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: nobody listens from outside, and no gateway needs to be heard. */
  readonly evaluators?: EvaluatorRegistry;
  readonly notifier?: Notifier;
  /** Absent: what nobody needs any more stays. */
  readonly upkeep?: Upkeep;
  /** What pipelines cost; absent: CPU and memory are not judged. */
  readonly processes?: ProcessBlockSource;
  /** Wait between two looks, ms. */
  readonly tickMs?: number;
  /** A compressed clock: observed time counts this many times over on the bake clock. For demonstrations. */
  readonly timeScale?: number;
}

const defaultTickMs = 1_000;

/** A look this late did not observe the time between; never less than three looks. */
const gapMsMin = 10_000;

/** Healthy time that is kept back before it is written: an event a minute, not one a second, through 48 hours. */
const bakeEventMs = 60_000;

/** A rate over less than this says nothing. */
const shortestRateMs = 60_000;

const judge: Actor = { kind: 'automatic', name: 'judge' };
const bakeClock: Actor = { kind: 'automatic', name: 'bake clock' };

type BakeStop = NonNullable<Extract<Command, { readonly type: 'tick' }>['stop']>;

/** What the loop remembers of one rollout between two looks. */
interface Watch {
  lookedAtMs: number;
  /** Healthy time that is not written yet, ms. */
  healthyMs: number;
  epoch: number;
}

/**
 * The loop: looks at every running rollout once a second, asks the judge, and tells the rollout what it saw. Steps
 * follow from what it tells: on, complete, back. A look that fails is logged and made again; after a restart
 * nothing is counted that was not observed.
 */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #evidence: MetricSource;
  readonly #watches = new Map<string, Watch>();
  /** One of each rollout that was looked at; it stays when the rollout is over. */
  readonly #comparisons = new Map<string, Comparison>();
  readonly #receipts: ReceiptCompletion;
  readonly #timeScale: number;
  readonly #tickMs: number;
  readonly #gapMs: number;
  #cancel: Cancel = () => {};
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ControlLoopOptions) {
    this.#options = options;
    this.#receipts = new ReceiptCompletion(options);
    this.#timeScale = options.timeScale ?? 1;
    const { sessions, processes, evaluators, clock, log } = options;
    this.#tickMs = options.tickMs ?? defaultTickMs;
    this.#gapMs = Math.max(gapMsMin, 3 * this.#tickMs);
    const source =
      options.source ??
      new EvidenceReader(sessions, {
        ...{ timeScale: this.#timeScale, processes, gapMs: this.#gapMs, log },
        ...(evaluators === undefined ? {} : { gatewaySilentMs: () => evaluators.gatewaySilentMs }),
      });
    this.#evidence = inTime(source, clock);
  }

  /** Looks now, and from then on every `tickMs`. */
  start(): void {
    const look = (): void => {
      this.#running = this.tick().then(() => {
        if (!this.#stopped) this.#cancel = this.#options.clock.after(this.#tickMs, look);
      });
    };
    look();
  }

  /** Ends after the look that runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#running;
  }

  /** One look at everything. Never rejects. */
  async tick(): Promise<void> {
    const { manager, evaluators, notifier, upkeep } = this.#options;
    const watched = new Set<string>();
    for (const state of manager.states()) {
      if (!isWatched(state, manager.states())) continue;
      watched.add(state.name);
      await this.#guard(`look at ${state.name}`, () => this.#look(state));
    }
    for (const name of this.#evidence.names()) {
      if (!watched.has(name)) await this.#guard(`forget ${name}`, () => this.#forget(name));
    }
    await this.#guard('a rollback that is not on record', () => manager.retryRollbacks());
    await this.#guard('rollbacks', () => settleRollbacks(manager, evaluators));
    await this.#guard('receipts', () => this.#receipts.turn());
    notifier?.wake();
    await this.#guard('upkeep', async () => upkeep?.turn(manager.states(), watched));
  }

  /** Both arms side by side as of the last look of this process; null: there was none. */
  comparison(name: string): Comparison | null {
    return this.#comparisons.get(name) ?? null;
  }

  async #look(state: RolloutState): Promise<void> {
    const { manager, clock } = this.#options;
    const { name, budget } = state;
    if (budget === null) return;
    const watch = this.#watchOf(state);
    let reading: Reading | null = null;
    let judgement: Judgement;
    try {
      const nowMs = clock.nowMs();
      reading = await this.#evidence.read(state, budget, nowMs);
      const judged = judgeEpoch(state, budget, reading, { nowMs, timeScale: this.#timeScale });
      ({ judgement } = judged);
      const at = { rollout: name, atMs: nowMs, epoch: state.epoch };
      this.#comparisons.set(name, comparisonOf(judged.found, at));
    } catch (error) {
      judgement = unreadable(state.epoch, messageOf(error));
    }
    await this.#tell(name, { type: 'verdict', judgement, actor: judge, reason: judgement.verdict.sentence });
    const judged = manager.state(name);
    if (judged.phase === 'running' && judged.epoch === state.epoch) await this.#bake(judged, watch, reading);
    else watch.lookedAtMs = clock.monotonicMs();
    await this.#evidence.keep(name, clock.nowMs());
  }

  /** Tells the bake clock what was seen since the last look. */
  async #bake(state: RolloutState, watch: Watch, reading: Reading | null): Promise<void> {
    const { clock } = this.#options;
    const passedMs = clock.monotonicMs() - watch.lookedAtMs;
    watch.lookedAtMs = clock.monotonicMs();
    const stop = this.#stopReason(state, passedMs);
    if (stop === undefined) watch.healthyMs += passedMs * this.#timeScale;
    const leftMs = wantedBakeMs(state) - (state.bake?.healthyMs ?? 0);
    // Standing still, or about to: each look counts, so that the reason is written at once and taken back at once.
    const isDue =
      stop !== undefined || state.bake?.stopped != null || watch.healthyMs >= Math.min(bakeEventMs, leftMs);
    if (!isDue) return;
    const { healthyMs } = watch;
    watch.healthyMs = 0;
    const shortestMs = shortestRateMs / Math.min(this.#timeScale, 12);
    const rate =
      reading?.sessionsPerHour(state.bake?.sinceMs ?? clock.nowMs(), clock.nowMs(), shortestMs) ?? null;
    await this.#tell(state.name, {
      type: 'tick',
      healthyMs: stop === undefined ? healthyMs : 0,
      sessionsPerHour: rate,
      timeScale: this.#timeScale,
      ...(stop === undefined ? {} : { stop }),
      actor: bakeClock,
      reason: stop?.sentence ?? 'healthy and observed',
    });
  }

  #stopReason({ plan }: RolloutState, passedMs: number): BakeStop | undefined {
    const { evaluators } = this.#options;
    if (passedMs > this.#gapMs) {
      return { reason: 'gap', sentence: `Nobody looked for ${formatDurationMs(passedMs)}.` };
    }
    if (evaluators !== undefined && !isHeard(evaluators, this.#gapMs)) {
      return { reason: 'stale', sentence: 'No gateway is heard.' };
    }
    const lacking = lackingUpstream(plan, evaluators?.list() ?? []);
    return lacking === null ? undefined : { reason: 'unknown-upstream', sentence: lacking };
  }

  #watchOf({ name, epoch }: RolloutState): Watch {
    const known = this.#watches.get(name);
    if (known?.epoch === epoch) return known;
    const watch: Watch = {
      lookedAtMs: this.#options.clock.monotonicMs(),
      healthyMs: 0,
      epoch,
    };
    this.#watches.set(name, watch);
    return watch;
  }

  async #forget(name: string): Promise<void> {
    this.#watches.delete(name);
    await this.#evidence.forget(name);
  }

  async #tell(name: string, command: Command): Promise<void> {
    try {
      await this.#options.manager.tell(name, command);
    } catch (error) {
      // The rollout moved between the look and the word; the next look sees it as it is.
      if (!hasCode(error, 'COMMAND_REFUSED')) throw error;
    }
  }

  async #guard(what: string, task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, `the control loop failed: ${what}`);
    }
  }
}

/** Whether a gateway listens, and said so lately. */
function isHeard(evaluators: EvaluatorRegistry, limitMs: number): boolean {
  const { gatewaySilentMs } = evaluators;
  if (gatewaySilentMs === null || gatewaySilentMs > limitMs) return false;
  return evaluators.list().some(({ role, connected }) => role === 'gateway' && connected);
}

/** Everybody whom the candidate serves: a completed rollout too, until another takes its flag. */
function isWatched(state: RolloutState, all: readonly RolloutState[]): boolean {
  if (state.phase === 'running' || state.phase === 'paused') return true;
  const later = all.slice(all.indexOf(state) + 1);
  return (
    state.phase === 'completed' &&
    !later.some(({ plan, stageIndex }) => plan.flag === state.plan.flag && stageIndex !== null)
  );
}
