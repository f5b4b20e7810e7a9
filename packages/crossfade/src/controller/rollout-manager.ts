import { systemClock, type Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, hasCode } from '@crossfade/sdk/core/errors';
import { compileRuleset, type CompiledRuleset } from '@crossfade/sdk/flags/compile';
import { evaluate } from '@crossfade/sdk/flags/evaluate';
import { explainDecision } from '@crossfade/sdk/flags/explain';
import { validateRuleset } from '@crossfade/sdk/flags/validate';
import type { DrainPolicy, EvaluationContext, EvaluationResult, Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { Actor, Command } from '../rollout/commands.ts';
import { evidenceOfReport } from '../rollout/acceptance-report.ts';
import { decide } from '../rollout/decide.ts';
import { parsePlan } from '../rollout/parse-plan.ts';
import type { Plan } from '../rollout/plan.ts';
import { isOver, type RolloutState } from '../rollout/state.ts';
import type { RolloutStore } from '../store/store.ts';
import { type Facts, withPast, withWitnesses } from './command-facts.ts';
import { CommandQueue } from './command-queue.ts';
import { explainVerdict, type VerdictExplanation } from './explain-verdict.ts';
import { historyEntry } from './history.ts';
import type { NoticeTarget } from './notice-routes.ts';
import { noticesOf } from './notices.ts';
import { RolloutLog } from './rollout-log.ts';
import type { HistoryEntry, RolloutStatus } from './rollout-status.ts';
import { statusOf } from './status-of.ts';
import { UnsavedRollbacks } from './unsaved-rollbacks.ts';

/** Who asks and why; both are kept in the audit. A bare name is a person. */
export interface By {
  readonly actor: string | Actor;
  readonly reason: string;
}

/** A plan as people write it: YAML or JSON text, or the object that such a text makes. */
export type PlanInput = string | object;

export interface RolloutManagerOptions extends Facts {
  readonly store: RolloutStore;
  readonly clock?: Clock;
  /** Who is told of every rollout, beside those that its plan names. */
  readonly noticeTargets?: readonly NoticeTarget[];
}

/** Appends that may lose against another writer before the command is given up. */
const attemptsMax = 10;

/** A rollback tries longer: nothing may keep it out. */
const rollbackAttemptsMax = 100;

/** Events read at once for an audit. */
const pageSize = 1_000;

/**
 * Rolls candidates out: applies plans, decides for users in process, takes back what is worse, and keeps the
 * audit. State is the fold of the store's events, so a process killed at any instruction comes back with the
 * same state. Commands run one after the other, a rollback before all that wait; of two processes on one store
 * one wins each append and the other reads again and retries.
 *
 * Every command takes who asks and why, and answers where the rollout then stands. One that this state does not
 * take is refused with COMMAND_REFUSED and changes nothing.
 */
export class RolloutManager {
  readonly #store: RolloutStore;
  readonly #clock: Clock;
  readonly #facts: Facts;
  readonly #targets: readonly NoticeTarget[];
  readonly #log: RolloutLog;
  #compiled: CompiledRuleset;
  readonly #queue = new CommandQueue();
  readonly #listeners = new Set<(ruleset: Ruleset) => void>();
  readonly #waiters = new Set<() => void>();
  readonly #unsaved = new UnsavedRollbacks();
  /** By rollout: the first revision in which its rollback stopped admission. */
  readonly #stopRevisions = new Map<string, number>();
  #closed = false;

  private constructor(options: RolloutManagerOptions, log: RolloutLog) {
    this.#store = options.store;
    this.#clock = options.clock ?? systemClock;
    this.#facts = options;
    this.#targets = options.noticeTargets ?? [];
    this.#log = log;
    this.#compiled = compileRuleset(validateRuleset(log.ruleset));
    for (const { name, phase } of log.states) {
      if (phase === 'rolling-back') this.#stopRevisions.set(name, log.ruleset.revision);
    }
  }

  /** Reads the store and stands where it was left. The store stays the caller's to close. */
  static async open(options: RolloutManagerOptions): Promise<RolloutManager> {
    return new RolloutManager(options, await RolloutLog.open(options.store));
  }

  // -- commands -------------------------------------------------------------------------------------

  /**
   * Makes a rollout from a plan, in `draft`. The same plan again changes nothing. A build that was rolled back
   * is refused unless `evenIfRolledBack` is set: then the reason given is the record of who took that on.
   */
  async apply(plan: PlanInput, by: By & { readonly evenIfRolledBack?: boolean }): Promise<RolloutStatus> {
    const parsed = parsePlan(plan);
    const check = (): void => this.#checkFlag(parsed, by.evenIfRolledBack === true);
    return this.#run(parsed.name, { type: 'apply', plan: parsed, ...asked(by) }, check);
  }

  /** Begins: the rollout then waits for acceptance. */
  start(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'start', ...asked(by) });
  }

  /**
   * Hands over the report of an acceptance run: its JSON text, or the object. Opens the first stage, or is refused
   * and says why: EVIDENCE_INVALID when it is no report or was changed, COMMAND_REFUSED when it is of another build,
   * partial, failed, stale or short of what the plan requires (`detail.problem` has the word).
   */
  async accept(name: string, report: string | object, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'accept', evidence: evidenceOfReport(report), ...asked(by) });
  }

  /** Opens the first stage without evidence; a person's recorded decision. */
  waiveAcceptance(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'waive', ...asked(by) });
  }

  /** One stage on by hand: skips what is left of the bake, never a verdict of `fail`. */
  advance(name: string, by: By & { readonly withoutPass?: boolean }): Promise<RolloutStatus> {
    const withoutPass = by.withoutPass === undefined ? {} : { withoutPass: by.withoutPass };
    return this.tell(name, { type: 'advance', ...withoutPass, ...asked(by) });
  }

  /** Lets the next stage begin, where the plan asks a person. */
  approve(name: string, by: By & { readonly stage?: string }): Promise<RolloutStatus> {
    return this.tell(name, {
      type: 'approve',
      ...(by.stage === undefined ? {} : { stage: by.stage }),
      ...asked(by),
    });
  }

  /** Freezes the share. */
  pause(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'pause', ...asked(by) });
  }

  resume(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'resume', ...asked(by) });
  }

  /** Share 0 at once; `enable` takes it back. */
  disable(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'disable', ...asked(by) });
  }

  enable(name: string, by: By): Promise<RolloutStatus> {
    return this.tell(name, { type: 'enable', ...asked(by) });
  }

  /** A whole new plan for the same build, while it runs: validated whole, applied at once, its diff in the audit. */
  async revise(name: string, plan: PlanInput, by: By): Promise<RolloutStatus> {
    const parsed = parsePlan(plan);
    return this.tell(name, { type: 'revise', plan: parsed, ...asked(by) });
  }

  /** Takes the candidate back, from any state, before every other command. Again changes nothing. */
  rollback(name: string, by: By & { readonly policy?: DrainPolicy }): Promise<RolloutStatus> {
    return this.tell(name, {
      type: 'rollback',
      ...(by.policy === undefined ? {} : { policy: by.policy }),
      ...asked(by),
    });
  }

  /** Any command, for the loop and the server; the methods above are its everyday forms. */
  tell(name: string, command: Command): Promise<RolloutStatus> {
    return this.#run(name, command);
  }

  // -- decisions and looks -------------------------------------------------------------------------------

  /** Decides in process: no waiting, no exception; a failure is in the result. */
  decide(flag: string, context?: EvaluationContext): EvaluationResult {
    // Whoever asks here hears us by definition: a lease is over only where we may not be heard.
    return evaluate(this.#compiled, flag, context, this.mayBeHeard ? 0 : Infinity);
  }

  /** The whole path of a decision, in words. */
  explain(flag: string, context?: EvaluationContext): string {
    return explainDecision(this.#compiled, flag, context, 0);
  }

  /** Where one rollout stands, or all of them in the order in which they were applied. */
  status(): readonly RolloutStatus[];
  status(name: string): RolloutStatus;
  status(name?: string): RolloutStatus | readonly RolloutStatus[] {
    const nowMs = this.#clock.nowMs();
    return name === undefined
      ? this.#log.states.map((state) => statusOf(state, nowMs))
      : statusOf(this.state(name), nowMs);
  }

  /** The state itself; ROLLOUT_UNKNOWN when there is none of this name. */
  state(name: string): RolloutState {
    const state = this.#log.state(name);
    if (state !== undefined) return state;
    const known = this.#log.states.map((each) => each.name).join(', ') || 'none yet';
    throw new CrossfadeError(
      'ROLLOUT_UNKNOWN',
      `Expected the name of a rollout (${known}), got ${JSON.stringify(name.slice(0, 64))}.`,
    );
  }

  states(): readonly RolloutState[] {
    return this.#log.states;
  }

  /** The audit of a rollout: every event with actor, reason, before, after, evidence and its place in the hash chain. */
  async history(name: string): Promise<readonly HistoryEntry[]> {
    this.state(name);
    const entries: HistoryEntry[] = [];
    for (let after = 0; ;) {
      const page = await this.#store.read({ stream: name, after, limit: pageSize });
      entries.push(...page.map(historyEntry));
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return entries;
      after = last.sequence;
    }
  }

  /** Makes the last verdict at or before `atMs` (default: now) again from the log; null: nothing was judged by then. */
  async explainVerdict(name: string, atMs = this.#clock.nowMs()): Promise<VerdictExplanation | null> {
    return explainVerdict(await this.history(name), atMs);
  }

  /**
   * Every event from now on (or after a sequence), in order and none left out however slow the reader, until
   * `signal` aborts, the loop is left, or the manager closes.
   */
  subscribe(
    options: { readonly signal?: AbortSignal; readonly after?: number } = {},
  ): AsyncGenerator<HistoryEntry, void> {
    return this.#events(options.after ?? this.#log.sequence, options.signal);
  }

  /** Sequence of the newest event that is folded here; 0 without any. */
  get sequence(): number {
    return this.#log.sequence;
  }

  /** Whether evaluators may renew leases by what they hear from here; false while a rollback cannot be put on record. */
  get mayBeHeard(): boolean {
    return this.#unsaved.isEmpty;
  }

  /** Tells the rollbacks again that the store did not take. Rejects when it still does not. */
  async retryRollbacks(): Promise<void> {
    for (const [name, command] of this.#unsaved.list()) await this.tell(name, command);
  }

  /** What evaluators use now. */
  ruleset(): Ruleset {
    return this.#log.ruleset;
  }

  /** Calls `listener` with each new ruleset, from the next one on. */
  onRuleset(listener: (ruleset: Ruleset) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first revision in which this rollback stopped admission; null when none runs. */
  stopRevision(name: string): number | null {
    return this.#stopRevisions.get(name) ?? null;
  }

  /** Ends subscriptions and waits for running commands. The store stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#queue.drained();
  }

  // -- inside -----------------------------------------------------------------------------------------

  async #run(name: string, asked: Command, check: () => void = () => {}): Promise<RolloutStatus> {
    // Read before its turn: a slow store must not keep a rollback waiting behind it.
    const past = withPast(asked, this.#log.state(name), this.#facts, this.#clock.nowMs());
    const command = past === null ? asked : await past;
    if (this.#closed)
      throw new CrossfadeError('STORE_UNAVAILABLE', 'Expected an open RolloutManager, got a closed one.');
    return this.#queue.run(() => this.#execute(name, command, check), {
      urgent: command.type === 'rollback',
    });
  }

  async #execute(name: string, asked: Command, check: () => void): Promise<RolloutStatus> {
    const command = withWitnesses(asked, this.#facts);
    for (let attempt = 1; ; attempt++) {
      check();
      const state = command.type === 'apply' ? (this.#log.state(name) ?? null) : this.state(name);
      const nowMs = this.#clock.nowMs();
      const { events } = decide(state, command, nowMs);
      if (events.length === 0) return this.#settled(name, asked);
      try {
        const notices = noticesOf(state, events, this.#targets);
        await this.#log.append(name, state?.revision ?? 0, events, notices, nowMs);
        this.#afterChange(name);
        return this.#settled(name, asked);
      } catch (error) {
        if (!hasCode(error, 'STORE_CONFLICT')) this.#unsaved.failed(name, asked, events);
        // Whatever happened, the store knows: what it holds is folded before anything is decided again.
        await this.#log.catchUp();
        this.#afterChange(name);
        const max = command.type === 'rollback' ? rollbackAttemptsMax : attemptsMax;
        if (!hasCode(error, 'STORE_CONFLICT') || attempt >= max) throw error;
      }
    }
  }

  #settled(name: string, asked: Command): RolloutStatus {
    this.#unsaved.settled(this.state(name), asked);
    return this.status(name);
  }

  /** What one rollout alone cannot see: its flag's others, and builds that were taken back. */
  #checkFlag(plan: Plan, evenIfRolledBack: boolean): void {
    for (const other of this.#log.states) {
      if (other.name === plan.name || other.plan.flag !== plan.flag) continue;
      if (!isOver(other)) {
        throw new CrossfadeError(
          'ROLLOUT_CONFLICT',
          `Expected flag "${plan.flag}" to be free, got rollout "${other.name}" in ${other.phase}. Let it end, or roll it back.`,
        );
      }
      const { build } = plan.candidate;
      if (other.phase === 'rolled-back' && other.plan.candidate.build === build && !evenIfRolledBack) {
        throw new CrossfadeError(
          'COMMAND_REFUSED',
          `Expected another build than ${build}, which rollout "${other.name}" took back. Roll out a new build, or say evenIfRolledBack with your reason.`,
        );
      }
    }
  }

  #afterChange(name: string): void {
    const state = this.#log.state(name);
    if (state?.phase !== 'rolling-back') this.#stopRevisions.delete(name);
    else if (!this.#stopRevisions.has(name)) this.#stopRevisions.set(name, this.#log.ruleset.revision);
    const { ruleset } = this.#log;
    if (ruleset.revision > this.#compiled.revision) {
      this.#compiled = compileRuleset(validateRuleset(ruleset));
      for (const listener of this.#listeners) listener(ruleset);
    }
    this.#wake();
  }

  async *#events(after: number, signal: AbortSignal | undefined): AsyncGenerator<HistoryEntry, void> {
    let cursor = after;
    while (!this.#closed && !isAborted(signal)) {
      const page = await this.#store.read({ after: cursor, limit: pageSize });
      for (const stored of page) {
        cursor = stored.sequence;
        yield historyEntry(stored);
        if (isAborted(signal)) return;
      }
      if (page.length === 0) await this.#changed(cursor, signal);
    }
  }

  #changed(after: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      if (this.#closed || isAborted(signal) || this.#log.sequence > after) return resolve();
      this.#waiters.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

function asked({ actor, reason }: By): { readonly actor: Actor; readonly reason: string } {
  return { actor: typeof actor === 'string' ? { kind: 'person', name: actor } : actor, reason };
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
