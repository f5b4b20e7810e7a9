import Table from 'cli-table3';
import type { AcceptanceReport } from './report.ts';
import { servedByNotice } from './served-by.ts';
import { thresholdText, valueText } from './report-text.ts';

/** The verdict table for a terminal, a sentence per metric, and what it comes to. `isWritten`: in a file as well. */
export function reportTable(report: AcceptanceReport, { isWritten = true } = {}): string {
  const table = new Table({
    head: ['metric', 'result', 'value', 'n', '95 % bound', 'threshold', 'observer'],
    style: { head: [], border: [] },
    // The observer is a sentence; the rest is as wide as it is.
    colWidths: [null, null, null, null, null, null, 40],
    wordWrap: true,
  });
  for (const metric of report.metrics) {
    table.push([
      metric.title,
      metric.waiver === null ? metric.result : `${metric.result} (waived)`,
      valueText(metric, metric.value),
      String(metric.n),
      valueText(metric, metric.bound),
      thresholdText(metric),
      metric.observer,
    ]);
  }
  const notice = servedByNotice(report);
  const failedTrials = report.trials.filter(({ recovered }) => !recovered);
  return [
    table.toString(),
    ...report.metrics.map(({ sentence }) => `- ${sentence}`),
    ...failedTrials.map(({ id, failure }) => `- not recovered: ${id}: ${failure}`),
    ...report.worst.slice(0, 3).map(({ id, why, replay }) => `- worst: ${id}: ${why}\n  again: ${replay}`),
    ...(notice === null ? [] : [`- ${notice}`]),
    ...(report.run.senderWasLate
      ? [
          `- The sender was late (p99 ${report.run.senderLateMs.p99} ms): latencies are worse than the target is.`,
        ]
      : []),
    `${report.sentence}${report.partial && isWritten ? ' The report is partial.' : ''}`,
  ].join('\n');
}
