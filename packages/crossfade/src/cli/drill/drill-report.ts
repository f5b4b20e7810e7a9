/** What a drill showed, from its trials and audits alone. Pure. */
import type { AuditedSession } from './auditor.ts';
import type { Wrongs } from './audit-session.ts';
import {
  type FaultClass,
  type FaultKind,
  faultKinds,
  gatewayKills,
  type PlannedFault,
} from './drill-plan.ts';
import { recoveredWithinMs } from './recovery-watch.ts';

/** One fault that was tried. */
export interface Trial {
  readonly fault: PlannedFault;
  /** Sessions that were open for it. */
  readonly sessions: number;
  /** Null: not within the limit. */
  readonly recoveryMs: number | null;
}

export interface RecoveryOfKind {
  readonly class: FaultClass;
  readonly trials: number;
  /** Within 30 s, and every session that was open for it was whole when it ended. */
  readonly recovered: number;
  readonly p50Ms: number | null;
  readonly maxMs: number | null;
}

export interface FailingSession {
  readonly session: string;
  readonly sessionId: string | null;
  /** Cases of the faults it was open for. */
  readonly cases: readonly number[];
  readonly problems: readonly string[];
  readonly replay: string;
}

/** The last line of `crossfade drill --json`. */
export interface DrillReport extends Wrongs {
  readonly ok: boolean;
  readonly profile: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly sessions: { readonly stock: number; readonly resuming: number; readonly brokenStock: number };
  readonly samplesAudited: number;
  /** Sessions whose record is not there exactly once. */
  readonly recordsNotOnce: number;
  /** Audio of stock clients that SIGKILL took before it was written, ms of their own time. Resuming ones send it again. */
  readonly unwrittenMs: {
    readonly sessions: number;
    readonly p50: number | null;
    readonly max: number | null;
  };
  readonly gatewayKills: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly recovery: Readonly<Partial<Record<FaultKind, RecoveryOfKind>>>;
  readonly notRun: readonly { readonly faults: number; readonly kind: FaultKind; readonly why: string }[];
  readonly failing: readonly FailingSession[];
}

export interface DrillFacts {
  readonly profile: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly trials: readonly Trial[];
  readonly audited: readonly AuditedSession[];
  readonly notRun: DrillReport['notRun'];
  /** How often each session id stands in the store. */
  readonly stored: ReadonlyMap<string, number>;
}

export function drillReport(facts: DrillFacts): DrillReport {
  const { audited, trials, profile, seed, stored } = facts;
  const failing = audited.filter(({ audit }) => audit.problems.length > 0);
  const recordsNotOnce = audited.filter(
    ({ session, audit }) => audit.samplesAudited > 0 && stored.get(session.sessionId ?? '') !== 1,
  ).length;
  const hurt = new Set(failing.flatMap(({ session }) => [...session.cases]));
  const recovery = recoveryByKind(trials, hurt);
  const wrongs: Wrongs = {
    samplesLost: sum(audited.map(({ audit }) => audit.samplesLost)),
    samplesOverlapped: sum(audited.map(({ audit }) => audit.samplesOverlapped)),
    orphans: sum(audited.map(({ audit }) => audit.orphans)),
    duplicates: sum(audited.map(({ audit }) => audit.duplicates)),
  };
  const unwritten = audited.map(({ audit }) => audit.unwrittenMs).filter((ms) => ms > 0);
  return {
    ok:
      audited.length > 0 &&
      failing.length + recordsNotOnce + sum(Object.values(wrongs)) === 0 &&
      Object.values(recovery).every(({ trials: all, recovered }) => recovered === all),
    profile,
    seed,
    durationMs: Math.round(facts.durationMs),
    ...wrongs,
    sessions: {
      stock: audited.filter(({ session }) => session.planned.client === 'stock').length,
      resuming: audited.filter(({ session }) => session.planned.client === 'resuming').length,
      brokenStock: audited.filter(({ session }) => session.isBroken).length,
    },
    samplesAudited: sum(audited.map(({ audit }) => audit.samplesAudited)),
    recordsNotOnce,
    unwrittenMs: { sessions: unwritten.length, p50: quantile(unwritten, 0.5), max: quantile(unwritten, 1) },
    gatewayKills: sum(trials.map(({ fault }) => gatewayKills[fault.kind] ?? 0)),
    faults: Object.fromEntries(Object.entries(recovery).map(([kind, { trials: count }]) => [kind, count])),
    recovery,
    notRun: facts.notRun,
    failing: failing.map(({ session, audit }) => ({
      session: session.name,
      sessionId: session.sessionId,
      cases: [...session.cases],
      problems: audit.problems,
      replay: `crossfade drill --profile ${profile} --seed ${seed} --case ${[...session.cases].join(',') || '1'}`,
    })),
  };
}

function recoveryByKind(trials: readonly Trial[], hurt: ReadonlySet<number>): DrillReport['recovery'] {
  const kinds = (Object.keys(faultKinds) as FaultKind[]).filter((kind) =>
    trials.some(({ fault }) => fault.kind === kind),
  );
  return Object.fromEntries(
    kinds.map((kind): [FaultKind, RecoveryOfKind] => {
      const own = trials.filter(({ fault }) => fault.kind === kind);
      const timesMs = own.flatMap(({ recoveryMs }) => (recoveryMs === null ? [] : [recoveryMs]));
      const recovered = own.filter(
        ({ fault, recoveryMs }) =>
          recoveryMs !== null && recoveryMs <= recoveredWithinMs && !hurt.has(fault.case),
      );
      const times = { p50Ms: quantile(timesMs, 0.5), maxMs: quantile(timesMs, 1) };
      return [kind, { class: faultKinds[kind], trials: own.length, recovered: recovered.length, ...times }];
    }),
  );
}

/** For people. */
export function drillText(report: DrillReport): string {
  const rows = Object.entries(report.recovery).map(
    ([kind, { class: of, trials, recovered, p50Ms, maxMs }]) =>
      `  ${kind.padEnd(24)}${of.padEnd(9)}${`${recovered} of ${trials}`.padEnd(12)}p50 ${p50Ms ?? '-'} ms, max ${maxMs ?? '-'} ms`,
  );
  const { stock, resuming, brokenStock } = report.sessions;
  return [
    `${stock + resuming} sessions (${stock} of stock clients, ${brokenStock} of them cut off; ${resuming} of resuming ones), ${report.samplesAudited} samples.`,
    `samplesLost ${report.samplesLost}, samplesOverlapped ${report.samplesOverlapped}, orphans ${report.orphans}, duplicates ${report.duplicates}, records not there once ${report.recordsNotOnce}.`,
    `${report.gatewayKills} gateway kills. Not written yet when SIGKILL came: p50 ${report.unwrittenMs.p50 ?? 0} ms, max ${report.unwrittenMs.max ?? 0} ms.`,
    'Recovered, by fault:',
    ...rows,
    ...report.notRun.map(({ kind, faults, why }) => `Not run: ${faults} × ${kind}: ${why}`),
    ...report.failing.map(
      ({ session, problems, replay }) => `Session ${session}: ${problems.join('; ')}. Again: ${replay}`,
    ),
    report.ok
      ? 'Nothing was lost.'
      : `It failed. Again: crossfade drill --profile ${report.profile} --seed ${report.seed}`,
  ].join('\n');
}

/** Nearest rank, whole; null without values. */
function quantile(values: readonly number[], q: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
  return value === undefined ? null : Math.round(value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
