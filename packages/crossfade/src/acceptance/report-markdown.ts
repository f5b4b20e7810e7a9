import type { AcceptanceReport } from './report.ts';
import { factsOf, thresholdText, valueText } from './report-text.ts';
import { servedByNotice } from './served-by.ts';

/** The report as GitHub-flavoured Markdown: verdict table, faults, worst cases, what was tested. */
export function reportMarkdown(report: AcceptanceReport): string {
  const notice = servedByNotice(report);
  const metrics = report.metrics.map((metric) =>
    row([
      metric.title,
      `**${metric.result}**${metric.waiver === null ? '' : ` (waived: ${metric.waiver})`}`,
      valueText(metric, metric.value),
      String(metric.n),
      valueText(metric, metric.bound),
      thresholdText(metric),
      metric.observer,
    ]),
  );
  const trials = report.trials.map(({ id, fault, process, recovered, lossMs, failure }) =>
    row([id, fault, process, recovered ? 'yes' : `**no**: ${failure}`, `${lossMs} ms`]),
  );
  return [
    `# Acceptance: ${report.result}${report.partial ? ' (partial)' : ''}`,
    '',
    escaped(report.sentence),
    ...(notice === null ? [] : ['', escaped(notice)]),
    '',
    table(['Metric', 'Result', 'Value', 'n', '95 % bound', 'Threshold', 'Observer'], metrics),
    '',
    ...report.metrics.map(({ sentence }) => `- ${escaped(sentence)}`),
    ...(trials.length === 0
      ? []
      : ['', '## Faults', '', table(['Trial', 'Fault', 'Process', 'Recovered', 'Audio lost'], trials)]),
    ...(report.agreement.length === 0 ? [] : ['', '## Two observers', '']),
    ...report.agreement.map(({ metric, sentence }) => `- ${metric}: ${escaped(sentence)}`),
    ...(report.worst.length === 0 ? [] : ['', '## Worst cases', '']),
    ...report.worst.map(
      ({ id, why, replay }) =>
        `- **${escaped(id)}**: ${escaped(why)}. Again: \`${replay.replaceAll('`', "'")}\``,
    ),
    '',
    '## What was tested',
    '',
    table(
      ['Fact', ''],
      factsOf(report).map((fact) => row(fact)),
    ),
    '',
    '## What was not tested',
    '',
    ...report.notRun.map(({ scenario, why }) => `- ${escaped(scenario)}: ${escaped(why)}`),
    ...report.notBuilt.map((what) => `- ${what}`),
    '',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [row(head), row(head.map(() => '---')), ...rows].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(' | ')} |`;
}

/** A target's own words must not make a table or markup of their own. */
function escaped(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[|<>`]/g, (sign) => (sign === '|' ? '\\|' : `&#${sign.charCodeAt(0)};`));
}
