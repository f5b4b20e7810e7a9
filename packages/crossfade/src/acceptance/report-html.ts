/** The report as one page: nothing is loaded, nothing runs, and a target's words stay words. */
import { metricSpecs } from '../analysis/metric-spec.ts';
import { servedByNotice } from './served-by.ts';
import { escaped, factsOf, thresholdText, unbroken, valueText } from './report-text.ts';
import type { AcceptanceReport, WorstCase } from './report.ts';
import { captureMap, crashesOf, latencyPlot, lossPlot, recoveryPlot, tailPlot } from './report-plots.ts';
import { style } from './report-style.ts';
import { timeline } from './report-timeline.ts';

type Metric = AcceptanceReport['metrics'][number];

const verdicts: Readonly<Record<AcceptanceReport['result'], string>> = {
  passed: 'Fit',
  failed: 'Not fit',
  'evidence-missing': 'Evidence missing',
  'could-not-run': 'Could not run',
};

/** A page is read; a list of hundreds is not. */
const failedShownMax = 20;

export function reportHtml(report: AcceptanceReport): string {
  const notice = servedByNotice(report);
  const title = `Acceptance: ${verdicts[report.result]}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)} – ${escaped(report.target.name)}</title>
<style>${style}</style>
</head>
<body>
<header>
<p class="kicker">Crossfade acceptance report</p>
${report.partial ? '<p class="partial" role="note">Partial report: the run ended before its plan did. No rollout takes it.</p>' : ''}
<h1><span class="verdict ${report.result}">${verdicts[report.result]}</span> ${escaped(report.target.name)}</h1>
<p class="lead">${said(report.sentence)}</p>
<p class="system">${report.system === 'direct' ? 'Tested direct, with nothing in front.' : 'Tested behind the Crossfade gateway.'}
Profile ${escaped(report.run.profile)}, seed ${report.run.seed}, ${escaped(`${report.run.startedAt.slice(0, 16).replace('T', ' ')} UTC`)}.</p>
${report.run.senderWasLate ? '<p class="notice">The machine that spoke was late: latencies are worse than the target is.</p>' : ''}
${notice === null ? '' : `<p class="notice">${said(notice)}</p>`}
</header>
<main>
<section><h2>Verdicts</h2>${verdictTable(report.metrics)}</section>
${plots(report)}
${faults(report)}
${observers(report.agreement)}
${worstCases(report.worst)}
<section><h2>What was tested</h2><dl>${factsOf(report)
    .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${said(value)}</dd>`)
    .join('')}</dl></section>
${notTested(report)}
</main>
</body>
</html>
`;
}

/** On a phone each row becomes a card: `data-name` is the heading its cell lost. */
function verdictTable(metrics: readonly Metric[]): string {
  const rows = metrics.map((metric) => {
    const cell = (name: string, value: string): string =>
      `<td data-name="${name}" class="number">${said(value)}</td>`;
    const waived = metric.waiver === null ? '' : `<small>waived: ${escaped(metric.waiver)}</small>`;
    return `<tr><th scope="row">${escaped(capital(metric.title))}</th>
<td data-name="result"><span class="chip ${metric.result}">${metric.result}</span>${waived}</td>
${cell('value', valueText(metric, metric.value))}${cell('n', metric.n.toLocaleString('en-US'))}${cell('95 % bound', valueText(metric, metric.bound))}${cell('threshold', thresholdText(metric))}
<td data-name="observer" class="observer">${escaped(metric.observer)}</td></tr>
<tr class="sentence"><td colspan="7">${said(capital(metric.sentence))}</td></tr>`;
  });
  return `<table class="verdicts"><thead><tr><th>Metric</th><th>Result</th><th class="number">Value</th><th class="number">n</th><th class="number">95 % bound</th><th class="number">Threshold</th><th>Observer</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function plots(report: AcceptanceReport): string {
  const { plots: data, metrics } = report;
  const valueOf = (id: Metric['id']): number | null =>
    metrics.find((metric) => metric.id === id)?.value ?? null;
  const limitOf = (id: Metric['id']): number => metricSpecs[id].limit ?? 0;
  const figures: readonly (readonly [title: string, plot: string, none: string, legend: string])[] = [
    [
      'Finalization latency',
      latencyPlot(data.latencies, limitOf('finalization-latency'), valueOf('finalization-latency')),
      'No final of an open stream was seen.',
      'How often each latency was seen, from the end of the last word.',
    ],
    [
      'Stop to last final',
      latencyPlot(data.stopLatencies, limitOf('stop-latency'), valueOf('stop-latency')),
      'No final came after a stop.',
      'How often each latency was seen, from the stop.',
    ],
    [
      'Missed tail per stop',
      tailPlot(data.tails, limitOf('missed-tail')),
      'No session was closed in order.',
      'A dot is one stop; the limit is on their mean.',
    ],
    [
      'Audio lost per crash',
      lossPlot(report, limitOf('durability-loss')),
      'No process was killed in this run.',
      'A bar is one crash: audio said before it that nobody can read after it.',
    ],
    [
      'Recovery by class',
      recoveryPlot(report.faults),
      'No fault was made in this run.',
      legend(['bar', 'recovered'], ['bad', 'not recovered']),
    ],
    [
      'Capture map',
      captureMap(data.captures),
      'No session lost any audio.',
      `A row is a session that lost audio, the worst first.${legend(['quiet', 'captured'], ['bad', 'lost'])}`,
    ],
  ];
  const drawn = figures.map(
    ([title, plot, none, about]) =>
      `<figure><figcaption>${title}</figcaption>${plot === '' ? `<p class="none">${none}</p>` : `${plot}<p class="legend">${about}</p>`}</figure>`,
  );
  return `<section><h2>Measurements</h2><div class="figures">${drawn.join('')}</div></section>`;
}

function legend(...keys: readonly (readonly [kind: string, words: string])[]): string {
  return keys.map(([kind, words]) => `<span class="key ${kind}"></span>${words}`).join('');
}

/** Faults by class, and each one that was not recovered; all of them are in the JSON. */
function faults(report: AcceptanceReport): string {
  const { trials } = report;
  if (trials.length === 0) return '';
  const crashes = crashesOf(report);
  const worstOf = (fault: string, crash: boolean): string =>
    crash
      ? `${Math.max(...crashes.filter((each) => each.fault === fault).map(({ lossMs }) => lossMs)).toLocaleString('en-US')}\u00a0ms`
      : '–';
  const rows = report.faults.map(
    ({ fault, crash, trials: count, recovered }) =>
      `<tr><th scope="row">${escaped(fault)}</th><td data-name="faults" class="number">${count}</td>
<td data-name="recovered"><span class="chip ${recovered === count ? 'certified' : 'failed'}">${recovered} of ${count}</span></td>
<td data-name="audio lost, worst" class="number">${worstOf(fault, crash)}</td></tr>`,
  );
  const failed = trials.filter(({ recovered }) => !recovered);
  const list = failed
    .slice(0, failedShownMax)
    .map(({ id, failure }) => `<li><b>${escaped(id)}</b>: ${said(failure)}</li>`);
  const more = failed.length > failedShownMax ? `<li>and ${failed.length - failedShownMax} more</li>` : '';
  const notRecovered = failed.length === 0 ? '' : `<p>Not recovered:</p><ul>${list.join('')}${more}</ul>`;
  return `<section><h2>Faults</h2><table><thead><tr><th>Class</th><th class="number">Faults</th><th>Recovered</th><th class="number">Audio lost, worst</th></tr></thead><tbody>${rows.join('')}</tbody></table>${notRecovered}</section>`;
}

/** Where two observers saw the same thing, what each saw. */
function observers(agreement: AcceptanceReport['agreement']): string {
  if (agreement.length === 0) return '';
  const rows = agreement.map(
    ({ metric, blackBox, whiteBox, agrees, sessions }) =>
      `<tr><th scope="row">${escaped(capital(metricSpecs[metric].title))}</th>
<td data-name="from outside" class="number">${said(valueText({ id: metric }, blackBox))}</td>
<td data-name="the target's own" class="number">${said(valueText({ id: metric }, whiteBox))}</td>
<td data-name="sessions" class="number">${sessions.toLocaleString('en-US')}</td>
<td data-name="they"><span class="chip ${agrees ? 'certified' : 'inconclusive'}">${agrees ? 'agree' : 'differ'}</span></td></tr>`,
  );
  return `<section><h2>Two observers</h2><p class="system">What the suite saw from outside, beside the target's own records of the same sessions.</p><table><thead><tr><th>Metric</th><th class="number">From outside</th><th class="number">The target's own</th><th class="number">Sessions</th><th>They</th></tr></thead><tbody>${rows.join('')}</tbody></table></section>`;
}

function notTested({ notRun, notBuilt }: AcceptanceReport): string {
  const items = [...notRun.map(({ scenario, why }) => `${scenario}: ${why}`), ...notBuilt];
  if (items.length === 0) return '';
  return `<section><h2>What was not tested</h2><ul>${items.map((what) => `<li>${escaped(what)}</li>`).join('')}</ul></section>`;
}

function worstCases(cases: readonly WorstCase[]): string {
  if (cases.length === 0) return '';
  const shown = cases.map(
    (
      each,
      i,
    ) => `<details${i === 0 ? ' open' : ''}><summary><b>${escaped(each.id)}</b> ${said(each.why)}</summary>
${timeline(each)}
<p class="legend">${legend(['quiet', 'said'], ['bad', 'lost'], ['bar', 'what the target said, and when'])}</p>
<p>Again: <code>${escaped(each.replay)}</code></p></details>`,
  );
  return `<section><h2>Worst cases</h2>${shown.join('')}</section>`;
}

/** Words of the report, as they stand on the page. */
function said(text: string): string {
  return escaped(unbroken(text));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
