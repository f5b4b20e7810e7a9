import type { MetricId } from '../analysis/metric-spec.ts';
import type { EvidenceResult, MetricEvidence, Verdict, VerdictKind } from '../analysis/verdict.ts';
import type { AcceptanceEvidence, Actor, Command, CommandType } from './commands.ts';
import { decide } from './decide.ts';
import type { RolloutEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { parsePlan } from './parse-plan.ts';
import type { Plan } from './plan.ts';
import type { Phase, RolloutState } from './state.ts';
import type { Judgement } from './verdict.ts';

export const hourMs = 3_600_000;
export const startMs = Date.UTC(2026, 10, 2, 9);
export const person: Actor = { kind: 'person', name: 'ana' };
export const automatic: Actor = { kind: 'automatic', name: 'controller' };

/** A plan as a test writes it: internal, 10 %, 50 %, 100 %, an hour each. */
export function planOf(changes: Record<string, unknown> = {}): Plan {
  return parsePlan({
    name: 'streaming-2',
    control: { upstream: 'legacy' },
    candidate: { upstream: 'streaming', build: 'sha256:2' },
    audiences: { internal: { when: { attribute: 'email', op: 'endsWith', value: '@example.com' } } },
    stages: [
      { name: 'internal', audiences: ['internal'], bake: '1h', minSessionsPerHour: 1 },
      { name: 'tenth', share: 10, bake: '1h', minSessionsPerHour: 1 },
      { name: 'half', share: 50, bake: '1h', minSessionsPerHour: 1 },
      { name: 'everybody', share: 100, bake: '1h', minSessionsPerHour: 1 },
    ],
    acceptance: 'waiver',
    ...changes,
  });
}

/** Evidence of one metric. */
export function evidenceOf(metric: MetricId, result: EvidenceResult): MetricEvidence {
  return { metric, result, value: 1, n: 100, bound: 1, limit: 1, sentence: `${metric} is ${result}.` };
}

/** A judge's word on an epoch. */
export function judgementOf(
  kind: VerdictKind,
  epoch: number,
  changes: Partial<Judgement> & Partial<Pick<Verdict, 'evidence' | 'sentence'>> = {},
): Judgement {
  const { evidence = [], sentence = `It is ${kind}: 3 of 100, limit 2.`, ...rest } = changes;
  const verdict = { verdict: kind, sentence, evidence, sessions: { candidate: 100, control: 100 } };
  return { verdict, epoch, ...rest };
}

/** One rollout under test: sends commands, folds what comes back, keeps the log. */
export class Subject {
  state: RolloutState | null = null;
  nowMs: number;
  why = '';
  readonly events: RolloutEvent[] = [];

  constructor(nowMs = startMs) {
    this.nowMs = nowMs;
  }

  /** The types of the events that the command led to. */
  send(command: Command): readonly string[] {
    const { events, why } = decide(this.state, command, this.nowMs);
    for (const event of events) this.state = evolve(this.state, event);
    this.events.push(...events);
    this.why = why;
    return events.map(({ type }) => type);
  }

  get current(): RolloutState {
    if (this.state === null) throw new Error('There is no rollout yet.');
    return this.state;
  }

  judge(kind: VerdictKind, changes: Parameters<typeof judgementOf>[2] = {}): readonly string[] {
    const judgement = judgementOf(kind, this.current.epoch, changes);
    return this.send({ type: 'verdict', actor: automatic, reason: 'judged', judgement });
  }

  tick(healthyMs: number, sessionsPerHour: number | null = 100): readonly string[] {
    this.nowMs += healthyMs;
    return this.send({ type: 'tick', actor: automatic, reason: 'observed', healthyMs, sessionsPerHour });
  }

  /** A whole stage: judged, baked, judged again. */
  bakeStage(): readonly string[] {
    this.judge('pass');
    this.tick(hourMs);
    return this.judge('pass');
  }
}

type Payloads = {
  readonly [Type in CommandType]: (subject: Subject) => Omit<Extract<Command, { type: Type }>, keyof Head>;
};
type Head = { type: unknown; actor: unknown; reason: unknown };

/** An ordinary command of each type, for a rollout of `planOf()`. */
const payloads: Payloads = {
  apply: ({ state }) => ({ plan: state?.plan ?? planOf() }),
  start: () => ({}),
  accept: ({ state }) => ({ evidence: acceptanceOf(state?.plan ?? planOf()) }),
  waive: () => ({}),
  advance: () => ({ withoutPass: true }),
  approve: () => ({}),
  pause: () => ({}),
  resume: () => ({}),
  disable: () => ({}),
  enable: () => ({}),
  revise: ({ state }) => ({ plan: { ...(state?.plan ?? planOf()), drain: 'cut' } }),
  rollback: () => ({ evaluators: ['gateway-1', 'app-1'], gateways: ['gateway-1'] }),
  verdict: ({ state }) => ({ judgement: judgementOf('fail', state?.epoch ?? 1) }),
  tick: () => ({ healthyMs: 60_000, sessionsPerHour: 100 }),
  acknowledge: () => ({ evaluator: 'gateway-1', revision: 9 }),
  'drain-report': () => ({
    gateway: 'gateway-1',
    sessions: [{ sessionId: 's1', outcome: 'migrated', samplesLost: 0 }],
    done: true,
  }),
  'finish-rollback': () => ({}),
};

export const commandTypes = Object.keys(payloads) as readonly CommandType[];

/** Evidence that certifies every gate of a plan. */
export function acceptanceOf(
  plan: Plan,
  results: Partial<Record<MetricId, EvidenceResult>> = {},
): AcceptanceEvidence {
  const all = { ...Object.fromEntries(plan.gates.map(({ metric }) => [metric, 'certified'])), ...results };
  return {
    build: plan.candidate.build,
    reportId: 'report-1',
    startedAtMs: startMs,
    result: 'passed',
    partial: false,
    case: null,
    system: 'direct',
    target: 'the target',
    protocol: 'Deepgram /v1/listen',
    ...{ suite: '0.1.0', profile: 'smoke', probe: 'tone', seed: 1, corpusDigest: 'c0ffee' },
    metrics: Object.entries(all).map(([metric, result]) => ({
      metric: metric as MetricId,
      result: result,
      ...{ value: 1, n: 100, bound: 1, threshold: 1, observer: 'the socket', waiver: null },
      sentence: `${metric} is ${result}.`,
    })),
  };
}

/** As `planOf`, and the second stage needs an approval, so that every command can do something somewhere. */
export function planWithApproval(): Plan {
  const plan = planOf();
  return { ...plan, stages: plan.stages.map((stage, index) => ({ ...stage, approval: index === 1 })) };
}

/** An ordinary command of this type by a person. */
export function commandOf(type: CommandType, subject: Subject, actor: Actor = person): Command {
  return { type, actor, reason: 'because', ...payloads[type](subject) } as Command;
}

/** A rollout that was brought into a phase by its own commands. */
export function subjectIn(phase: Phase, plan: Plan = planOf()): Subject {
  const subject = new Subject();
  const send = (type: CommandType) => subject.send(commandOf(type, subject));
  subject.send({ type: 'apply', actor: person, reason: 'because', plan });
  if (phase === 'draft') return subject;
  send('start');
  if (phase === 'awaiting-acceptance') return subject;
  send('waive');
  subject.judge('inconclusive');
  if (phase === 'running') return subject;
  if (phase === 'paused') send('pause');
  if (phase === 'completed') for (const _ of plan.stages) send('advance');
  if (phase === 'rolling-back' || phase === 'rolled-back') send('rollback');
  if (phase === 'rolled-back') {
    subject.nowMs += hourMs;
    send('finish-rollback');
  }
  return subject;
}
