import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { silenceSince, wantedBakeMs } from './bake-clock.ts';
import { type Beginning, provenOnLeaving, withEpoch } from './budget.ts';
import type { RolloutEvent } from './events.ts';
import type { DrainedSession, Past } from './commands.ts';
import {
  hasEnded,
  isExposed,
  type Bake,
  type Budget,
  type RolledBackSession,
  type Rollback,
  type RolloutState,
} from './state.ts';

/**
 * The state after one more event; `state` is null before the first. Reads nothing but its arguments, and judges
 * nothing: what an event says has happened. Throws INTERNAL on a log that does not begin with `applied`.
 */
export function evolve(state: RolloutState | null, event: RolloutEvent): RolloutState {
  if (event.type === 'applied') return appliedState(event);
  if (state === null) {
    throw new CrossfadeError('INTERNAL', `Expected a log that begins with applied, got ${event.type}.`);
  }
  return { ...state, ...changeOf(state, event), revision: state.revision + 1, changedAtMs: event.atMs };
}

/** The state that a whole log makes, or null for an empty one. */
export function fold(events: Iterable<RolloutEvent>): RolloutState | null {
  let state: RolloutState | null = null;
  for (const event of events) state = evolve(state, event);
  return state;
}

type EventOf<Type extends RolloutEvent['type']> = Extract<RolloutEvent, { readonly type: Type }>;

function appliedState(event: EventOf<'applied'>): RolloutState {
  return {
    name: event.plan.name,
    phase: 'draft',
    plan: event.plan,
    planVersion: 1,
    revision: 1,
    stageIndex: null,
    epoch: 0,
    disabled: false,
    acceptance: null,
    bake: null,
    budget: null,
    judged: null,
    approvals: [],
    approvalWanted: null,
    rollback: null,
    appliedAtMs: event.atMs,
    changedAtMs: event.atMs,
  };
}

function changeOf(
  state: RolloutState,
  event: Exclude<RolloutEvent, { type: 'applied' }>,
): Partial<RolloutState> {
  switch (event.type) {
    case 'started':
      return { phase: 'awaiting-acceptance' };
    case 'accepted':
      return { acceptance: { waivers: state.acceptance?.waivers ?? [], evidence: event.evidence } };
    case 'waived':
      return { acceptance: withWaiver(state, event) };
    case 'stage-entered':
      return {
        phase: 'running',
        stageIndex: event.stageIndex,
        approvalWanted: null,
        ...newEpoch(
          { ...state, stageIndex: event.stageIndex, budget: budgetOnLeaving(state, event) },
          begins(event),
        ),
      };
    case 'approval-wanted':
      return { approvalWanted: event.stage };
    case 'approved':
      return { approvals: [...state.approvals, event.stage], approvalWanted: null };
    case 'judged':
      return { judged: { judgement: event.judgement, sinceMs: silenceSince(state, event) } };
    case 'baked':
      return { bake: baked(state, event) };
    case 'bake-extended':
      return { bake: extended(state, event.byMs) };
    case 'epoch-begun':
      return newEpoch(state, begins(event));
    case 'alarmed':
      return alarmed(state, event);
    case 'paused':
      return { phase: 'paused', bake: stopped(state, 'paused', event.reason) };
    case 'resumed':
      return {
        phase: 'running',
        bake: resumedBake(state, event.atMs),
        judged: state.judged === null ? null : { ...state.judged, sinceMs: event.atMs },
      };
    case 'disabled':
    case 'enabled':
      return switched(state, event);
    case 'revised':
      return revised(state, event);
    case 'completed':
      return { phase: 'completed', approvalWanted: null, budget: budgetOnLeaving(state, event) };
    case 'rollback-started':
      return rollbackStarted(state, event);
    case 'drain-escalated':
      return { rollback: escalated(rollbackOf(state), event) };
    case 'admission-stopped':
      return { rollback: admissionStopped(state, event) };
    case 'sessions-drained':
      return { rollback: sessionsDrained(state, event) };
    case 'rolled-back':
      return { phase: 'rolled-back', rollback: { ...rollbackOf(state), finishedAtMs: event.atMs } };
  }
}

function withWaiver(state: RolloutState, event: EventOf<'waived'>): RolloutState['acceptance'] {
  const waiver = { gates: event.gates, actor: event.actor, reason: event.reason, atMs: event.atMs };
  return {
    evidence: state.acceptance?.evidence ?? null,
    waivers: [...(state.acceptance?.waivers ?? []), waiver],
  };
}

type EpochChange = Pick<RolloutState, 'epoch' | 'budget' | 'judged'>;

/** Exposure changed: evidence so far is of another epoch. `state` is as it is to be, but for the epoch. */
function nextEpoch(state: RolloutState, beginning: Beginning): EpochChange {
  const epoch = state.epoch + 1;
  const isBegun = state.stageIndex !== null;
  const budget = isBegun ? withEpoch(state.budget, { ...state, epoch }, beginning) : state.budget;
  return { epoch, budget, judged: null };
}

/** An epoch whose bake begins anew. */
function newEpoch(state: RolloutState, beginning: Beginning): EpochChange & Pick<RolloutState, 'bake'> {
  return { ...nextEpoch(state, beginning), bake: newBake(beginning.atMs) };
}

/** What begins with an event. */
function begins({ atMs, history }: { readonly atMs: number } & Past, isFresh = false): Beginning {
  return { atMs, isFresh, ...(history === undefined ? {} : { history }) };
}

function budgetOnLeaving(
  state: RolloutState,
  event: EventOf<'stage-entered'> | EventOf<'completed'>,
): Budget | null {
  const { budget } = state;
  return budget === null ? null : { ...budget, proven: [...budget.proven, ...provenOnLeaving(state, event)] };
}

function alarmed(state: RolloutState, event: EventOf<'alarmed'>): Partial<RolloutState> {
  const budget =
    state.budget === null ? null : { ...state.budget, alarmedAt: event.harmed, alarmedAtMs: event.atMs };
  if (state.phase !== 'running') return { budget };
  return { budget, phase: 'paused', bake: stopped(state, 'paused', event.reason) };
}

const notJudged = { reason: 'not-judged', sentence: 'Nothing was judged in this epoch yet.' } as const;

function newBake(atMs: number): Bake {
  return { healthyMs: 0, extensionMs: 0, sinceMs: atMs, tickedAtMs: atMs, stopped: notJudged };
}

function baked(state: RolloutState, event: EventOf<'baked'>): Bake {
  const bake = state.bake ?? newBake(event.atMs);
  return {
    ...bake,
    healthyMs: bake.healthyMs + event.healthyMs,
    tickedAtMs: Math.max(bake.tickedAtMs, event.atMs),
    stopped: event.stopped,
  };
}

function stopped(state: RolloutState, reason: 'paused' | 'disabled', sentence: string): Bake | null {
  return state.bake === null ? null : { ...state.bake, stopped: { reason, sentence } };
}

/** The clock goes on from here: nothing of the pause counts, neither as baked nor towards the longest bake. */
function restarted(state: RolloutState, atMs: number): Bake | null {
  return state.bake === null ? null : { ...state.bake, sinceMs: atMs, tickedAtMs: atMs, stopped: notJudged };
}

function switched(
  state: RolloutState,
  event: EventOf<'disabled'> | EventOf<'enabled'>,
): Partial<RolloutState> {
  const disabled = event.type === 'disabled';
  const bake = disabled ? stopped(state, 'disabled', event.reason) : restarted(state, event.atMs);
  return { disabled, ...nextEpoch({ ...state, disabled }, begins(event)), bake };
}

function extended({ bake }: RolloutState, byMs: number): Bake | null {
  return bake === null ? null : { ...bake, extensionMs: bake.extensionMs + byMs };
}

/** Whoever resumes a bake that was over without proof gives it as long again as it was given before. */
function resumedBake(state: RolloutState, atMs: number): Bake | null {
  const bake = restarted(state, atMs);
  if (bake === null || bake.extensionMs === 0 || bake.healthyMs < wantedBakeMs(state)) return bake;
  return { ...bake, extensionMs: bake.extensionMs + (state.plan.stages[state.stageIndex ?? 0]?.bakeMs ?? 0) };
}

function revised(state: RolloutState, event: EventOf<'revised'>): Partial<RolloutState> {
  const next = { plan: event.plan, planVersion: state.planVersion + 1, stageIndex: event.stageIndex };
  if (!event.newBake) return next;
  const fresh = newEpoch({ ...state, ...next }, begins(event, event.newBudget ?? event.newBake));
  const reason = state.phase === 'paused' ? 'paused' : state.disabled ? 'disabled' : null;
  const bake = reason === null ? fresh.bake : stopped({ ...state, ...fresh }, reason, event.reason);
  return { ...next, ...fresh, bake, approvals: [], approvalWanted: null };
}

function rollbackStarted(state: RolloutState, event: EventOf<'rollback-started'>): Partial<RolloutState> {
  return {
    phase: 'rolling-back',
    epoch: isExposed(state) ? state.epoch + 1 : state.epoch,
    approvalWanted: null,
    rollback: {
      drainId: event.drainId,
      actor: event.actor,
      why: event.reason,
      judgement: event.judgement,
      policy: event.policy,
      from: event.before ?? event.after,
      startedAtMs: event.atMs,
      finishedAtMs: null,
      evaluators: Object.fromEntries(event.evaluators.map((id) => [id, null])),
      gateways: Object.fromEntries(event.gateways.map((id) => [id, false])),
      ...(event.mayLackWitnesses === true ? { mayLackWitnesses: true } : {}),
      sessions: {},
    },
  };
}

function rollbackOf(state: RolloutState): Rollback {
  if (state.rollback === null) {
    throw new CrossfadeError(
      'INTERNAL',
      `Expected a rollback of ${state.name} in the log before this event.`,
    );
  }
  return state.rollback;
}

function escalated(rollback: Rollback, event: EventOf<'drain-escalated'>): Rollback {
  const { drainId, policy } = event;
  return { ...rollback, drainId, policy, gateways: mapValues(rollback.gateways, () => false) };
}

function admissionStopped(state: RolloutState, event: EventOf<'admission-stopped'>): Rollback {
  const rollback = rollbackOf(state);
  const acknowledgement = { revision: event.revision, atMs: event.atMs };
  return { ...rollback, evaluators: { ...rollback.evaluators, [event.evaluator]: acknowledgement } };
}

function sessionsDrained(state: RolloutState, event: EventOf<'sessions-drained'>): Rollback {
  const rollback = rollbackOf(state);
  const { gateway, atMs } = event;
  const reported = event.sessions.map((session): [string, RolledBackSession] => {
    const { sessionId } = session;
    const known = Object.hasOwn(rollback.sessions, sessionId) ? rollback.sessions[sessionId] : undefined;
    return [sessionId, { ...withKnown(known, session), gateway, atMs }];
  });
  return {
    ...rollback,
    gateways: { ...rollback.gateways, [gateway]: event.done },
    sessions: { ...rollback.sessions, ...Object.fromEntries(reported) },
  };
}

/** Whether a report says anything new of a session. */
export function isNewsOf(known: RolledBackSession | undefined, session: DrainedSession): boolean {
  if (known === undefined) return true;
  const report = withKnown(known, session);
  return (
    known.outcome !== report.outcome ||
    hasEnded(known) !== hasEnded(report) ||
    known.samplesLost !== report.samplesLost ||
    (known.duplicateEntries ?? 0) !== (report.duplicateEntries ?? 0) ||
    known.pauseMs !== report.pauseMs
  );
}

/**
 * A report beside what is known of its session. A receipt only learns: a gateway that was restarted, or that got a
 * harder order, may know less than was reported before, so what became of a session, how long its user waited and
 * what was lost or repeated are never taken back.
 */
function withKnown(known: DrainedSession | undefined, session: DrainedSession): DrainedSession {
  if (known === undefined) return session;
  const pauseMs = session.pauseMs ?? known.pauseMs;
  return {
    ...session,
    outcome: known.outcome === 'open' ? session.outcome : known.outcome,
    ended: hasEnded(known) || hasEnded(session),
    samplesLost: Math.max(known.samplesLost, session.samplesLost),
    duplicateEntries: Math.max(known.duplicateEntries ?? 0, session.duplicateEntries ?? 0),
    ...(pauseMs === undefined ? {} : { pauseMs }),
  };
}

function mapValues<Value, Mapped>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
