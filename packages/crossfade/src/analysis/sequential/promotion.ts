/** What is missing before a stage may be left, when nothing is shown bad. No data is never a pass. */
import { formatDurationMs } from '@crossfade/sdk/core/units';
import { groupThousands } from '../metric-spec.ts';
import type { VerdictKind } from '../verdict.ts';
import type { Measurement } from './measurement.ts';
import { formatEvidence, type MetricReport, titleOf } from './metric-report.ts';
import type { RollEvidence } from './roll-evidence.ts';

/** Evidence of harm above 2 : 1 is no proof, and no moment to widen the exposure either. */
const lnAdvanceMax = Math.log(2);

/** What was made of a measurement so far. */
export interface Findings {
  readonly roll: RollEvidence;
  readonly metrics: readonly MetricReport[];
  readonly sessions: { readonly candidate: number; readonly control: number };
}

export interface Promotion {
  readonly verdict: Extract<VerdictKind, 'pass' | 'inconclusive' | 'no-data'>;
  readonly sentence: string;
}

/** `pass` when nothing is missing, at a look that was registered beforehand. */
export function promotionOf(measurement: Measurement, findings: Findings): Promotion {
  return (
    missingExposure(measurement, findings) ??
    doubt(findings) ??
    missingProof(measurement, findings) ??
    whole(measurement, findings)
  );
}

/**
 * Exposure is of whole sessions: one of which only its first minutes are known has said nothing of its finals, its tail or
 * its losses, and a short bake would pass before any of them was measured.
 */
function wholeSessions({ metrics, sessions }: Findings): Findings['sessions'] {
  return metrics.find(({ id }) => id === 'error-rate')?.sessions ?? sessions;
}

function missingExposure(measurement: Measurement, findings: Findings): Promotion | null {
  const { question, waiting } = measurement;
  const sessions = wholeSessions(findings);
  const planned = groupThousands(question.plannedSessions);
  if (question.unheardMs !== undefined) {
    return {
      verdict: 'no-data',
      sentence: `No gateway was heard for ${formatDurationMs(question.unheardMs)}: nothing counts meanwhile.`,
    };
  }
  if (question.silentMs !== undefined) {
    return {
      verdict: 'no-data',
      sentence: `No session ended for ${formatDurationMs(question.silentMs)}: what is known is not of now.`,
    };
  }
  const candidate = { arm: 'the candidate', matured: sessions.candidate, waits: waiting.candidate };
  const control = { arm: 'control', matured: sessions.control, waits: waiting.control };
  const arms = question.hasRandomControl ? [candidate, control] : [candidate];
  const empty = arms.find(({ matured }) => matured === 0);
  if (empty !== undefined) {
    const { arm, waits } = empty;
    return waits === 0
      ? { verdict: 'no-data', sentence: `0 sessions of ${arm} have matured, ${planned} are planned.` }
      : {
          verdict: 'inconclusive',
          sentence: `0 sessions of ${arm} have matured, ${groupThousands(waits)} wait for it, ${planned} are planned.`,
        };
  }
  const short = arms.find(({ matured }) => matured < question.plannedSessions);
  if (short === undefined) return missingReports(measurement, planned);
  const seen = groupThousands(short.matured);
  return {
    verdict: 'inconclusive',
    sentence: `${seen} sessions of ${short.arm} have matured, ${planned} are planned.`,
  };
}

/** A session that never reported is a failure, and no exposure: nothing of it was measured. */
function missingReports({ question, reported, health }: Measurement, planned: string): Promotion | null {
  if (reported === undefined) return null;
  const arms = question.hasRandomControl ? (['candidate', 'control'] as const) : (['candidate'] as const);
  const short = arms.find((arm) => reported[arm] < question.plannedSessions);
  if (short === undefined) return null;
  const of = short === 'candidate' ? 'the candidate' : 'control';
  const { late = 0 } = health;
  const isMostlyLate = late > reported.candidate + reported.control;
  const why = isMostlyLate
    ? `; ${groupThousands(late)} reports came after their minute had matured: sessions take longer than the plan's \`maturity\``
    : '';
  return {
    verdict: 'no-data',
    sentence: `${groupThousands(reported[short])} sessions of ${of} reported their end in time, ${planned} are planned${why}.`,
  };
}

function doubt({ roll }: Findings): Promotion | null {
  if (roll.lnE < lnAdvanceMax) return null;
  const lead = roll.culprit === null ? '' : ` (${titleOf(roll.culprit)} leads)`;
  return {
    verdict: 'inconclusive',
    sentence: `Evidence of harm is ${formatEvidence(roll.lnE)}${lead}; to move on it must be below 2 : 1.`,
  };
}

function missingProof({ question: { gates } }: Measurement, { metrics }: Findings): Promotion | null {
  const absent = gates.find((id) => !metrics.some((report) => report.id === id));
  if (absent !== undefined) {
    return { verdict: 'inconclusive', sentence: `${titleOf(absent)} is a gate and is not measured live.` };
  }
  const open = metrics.filter(({ id, state }) => gates.includes(id) && state !== 'good');
  const [first] = open;
  if (first === undefined) return null;
  const proven = gates.length - open.length;
  return {
    verdict: 'inconclusive',
    sentence: `${proven} of ${gates.length} gates are proven. ${first.sentence}; ${proofSentence(first)}.`,
  };
}

function proofSentence({ proof }: MetricReport): string {
  if (proof === null) return 'not proven: there is nothing to bound';
  const digits = (value: number): string => String(Number(value.toPrecision(3)));
  return `not proven: its 95 % bound is ${digits(proof.bound)}, it must be below ${digits(proof.below)}`;
}

function whole({ question }: Measurement, { roll, sessions }: Findings): Promotion {
  const { gates } = question;
  const proven =
    gates.length === 0 ? 'no gate is asked for here' : `${gates.length} of ${gates.length} gates are proven`;
  const alone = question.hasRandomControl ? '' : '; limits and guards alone, there is no random control here';
  const odds = `evidence of harm ${formatEvidence(roll.lnE)}, acted at ${formatEvidence(Math.log(1 / question.alpha))}`;
  const found = `Nothing is shown bad over ${groupThousands(sessions.candidate)} sessions: ${odds}; ${proven}${alone}`;
  return question.isLook
    ? { verdict: 'pass', sentence: `${found}.` }
    : { verdict: 'inconclusive', sentence: `${found}; the bake is not over, and proof counts at its end.` };
}
