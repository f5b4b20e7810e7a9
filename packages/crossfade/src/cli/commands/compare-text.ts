import Table from 'cli-table3';
import { formatShown } from '../../analysis/sequential/metric-report.ts';
import type { ComparedMetric, Comparison } from '../../controller/comparison.ts';
import type { VerdictExplanation } from '../../controller/explain-verdict.ts';

const states = { bad: 'bad', good: 'good', unknown: 'unknown', 'no-data': 'no data' } as const;
const goals = { better: 'better', worse: 'worse', 'not-shown': 'not shown' } as const;

/** Both arms side by side, for a terminal. */
export function comparisonText(comparison: Comparison): string {
  const { rollout, epoch, verdict, sentence, evidence, actedAt, sessions, metrics } = comparison;
  const table = new Table({
    head: ['metric', 'candidate', 'control', 'limit', 'difference (95 %)', 'evidence', 'state', 'goal'],
    // No colours: it may go into a pipe or a file.
    style: { head: [], border: [] },
  });
  for (const metric of metrics) table.push(row(metric));
  return [
    `${rollout}, epoch ${epoch}: ${sessions.candidate} sessions of the candidate, ${sessions.control} of control`,
    table.toString(),
    `evidence of harm ${evidence}, acted at ${actedAt}`,
    `verdict ${verdict}: ${sentence}`,
  ].join('\n');
}

function row({ title, id, roles, candidate, control, limit, difference, ...rest }: ComparedMetric): string[] {
  const value = (shown: number | null): string => (shown === null ? '–' : formatShown(id, shown));
  const isGoal = roles.includes('goal') || rest.goal !== 'not-shown';
  return [
    roles.includes('watch') ? `${title} (watched)` : title,
    value(candidate),
    value(control),
    value(limit),
    difference === null ? '–' : intervalText(difference),
    rest.evidence,
    states[rest.state],
    isGoal ? goals[rest.goal] : '',
  ];
}

/** The difference is one of sums, Y over X of a session: not of percentiles, and said so in the page of the judge. */
function intervalText({ value, lower, upper }: NonNullable<ComparedMetric['difference']>): string {
  const digits = (x: number): string => (Number.isFinite(x) ? String(Number(x.toPrecision(2))) : '?');
  const sign = value > 0 ? '+' : '';
  return `${sign}${digits(value)} [${digits(lower)}, ${digits(upper)}]`;
}

/** A past verdict and what judging again gives, for a terminal. */
export function explanationText(explanation: VerdictExplanation): string {
  const { rollout, sequence, atMs, stage, planVersion, sentence, replayed, question } = explanation;
  const lines = [
    `${rollout}, record ${sequence} of the log, ${new Date(atMs).toISOString()}, stage ${stage ?? 'none'}, plan version ${planVersion}`,
    sentence,
  ];
  if (question !== undefined) {
    const gates = question.gates.length === 0 ? 'none' : question.gates.join(', ');
    const look = question.isLook ? 'at the look of the bake' : 'during the bake';
    lines.push(
      `asked ${look}: alpha ${question.alpha}, ${question.plannedSessions} sessions planned in each arm, gates to prove here: ${gates}`,
    );
  }
  if (replayed !== undefined) lines.push(comparisonText(replayed));
  return lines.join('\n');
}
