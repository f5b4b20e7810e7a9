import { formatDurationMs } from '@crossfade/sdk/core/units';
import Table from 'cli-table3';
import type { DemoRollout, DemoSummary } from './outcome.ts';

/** The end of the demo for people. */
export function summaryText(summary: DemoSummary): string {
  const table = new Table({ style: { head: [], border: [] }, wordWrap: true, colWidths: [24, 84] });
  table.push(
    ['audio offered', formatDurationMs(summary.audioOfferedMs)],
    ['audio lost', `${summary.audioLostMs} ms`],
    [
      'entries shown',
      `${summary.entries}, ${summary.duplicateEntries} of them duplicates, ${summary.orphans} orphans`,
    ],
    ['sessions', `${countsText(summary.sessions)} (at most ${summary.peakSessions} at once)`],
    ['engines', countsText(summary.engines)],
    ['final latency p95', latencyText(summary)],
    ['probe words', probeText(summary)],
    ['sender lateness', `p99 ${summary.senderLateMs.p99} ms, worst ${summary.senderLateMs.max} ms`],
    ...(summary.acceptance === null
      ? []
      : [['acceptance', `${summary.acceptance.sentence} ${summary.acceptance.htmlPath}`]]),
    ...summary.rollouts.map((rollout) => [`rollout ${rollout.name}`, rolloutText(rollout)]),
    ['took', formatDurationMs(summary.durationMs)],
  );
  const verdict = summary.ok
    ? 'Every promise was kept.'
    : ['Not every promise was kept:', ...summary.problems.map((problem) => `  - ${problem}`)].join('\n');
  return `${table.toString()}\n${verdict}`;
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function latencyText({ finalLatencyMsP95 }: DemoSummary): string {
  const texts = Object.entries(finalLatencyMsP95).map(
    ([name, ms]) => `${name} ${ms === null ? '–' : `${ms} ms`}`,
  );
  return texts.join(', ');
}

function probeText({ probe }: DemoSummary): string {
  const { sessions, words, missing, repeated } = probe;
  return `${words} words in ${sessions} sessions: ${missing} missing, ${repeated} twice in what the clients received`;
}

function rolloutText({ state, stages, receipt, gates }: DemoRollout): string {
  const walked = `${state}; ${stages.join(' → ')}${receipt === undefined ? gatesText(gates) : ''}`;
  if (receipt === undefined) return walked;
  const outcomes = countsText(receipt.outcomes);
  return `${walked}. ${receipt.reason} Sessions open at the rollback: ${receipt.sessions} (${outcomes}), samples lost: ${receipt.samplesLost}`;
}

/** Which gates two minutes of traffic proved, and what stands for the wider ones. */
function gatesText(gates: DemoRollout['gates']): string {
  const by = (how: string | null): string =>
    Object.entries(gates)
      .flatMap(([metric, settledBy]) => (settledBy === how ? [metric] : []))
      .join(', ') || 'none';
  const parts = [
    `gates proven live: ${by('live')}`,
    `by acceptance evidence: ${by('acceptance')}`,
    `too wide for two minutes, waived on record: ${by('waiver')}`,
  ];
  return `. ${parts.filter((part) => !part.endsWith(': none')).join('; ')}`;
}
