import { countText, formatValue, metricSpecs } from '../analysis/metric-spec.ts';
import type { AcceptanceReport } from './report.ts';
import { servedByText } from './served-by.ts';

type Metric = AcceptanceReport['metrics'][number];

/** A metric's value, bound or threshold as people read it; a dash for none. */
export function valueText({ id }: Pick<Metric, 'id'>, value: number | null): string {
  return value === null ? '–' : formatValue(id, value);
}

/** `≥ 99.95 %`. */
export function thresholdText({ id, threshold }: Pick<Metric, 'id' | 'threshold'>): string {
  const sign = { 'at-least': '≥', 'at-most': '≤', below: '<' }[metricSpecs[id].good];
  return `${sign} ${formatValue(id, threshold)}`;
}

/** Facts of the run, label and text, in the order they are read. */
export function factsOf({
  target,
  servedBy,
  system,
  run,
  rendered,
  wordErrors,
  digest,
}: AcceptanceReport): readonly (readonly [string, string])[] {
  const gib = (run.machine.memoryBytes / 2 ** 30).toFixed(1);
  return [
    ['target', target.name],
    ['system tested', system === 'direct' ? 'the target itself, direct' : 'the target behind the gateway'],
    ['protocol', target.protocol],
    ['build', target.build ?? 'the target does not say'],
    ['served by', servedByText(servedBy)],
    ['suite', `${run.suite}, profile ${run.profile}, probe ${run.probe}, seed ${run.seed}`],
    ['case', run.case ?? 'all'],
    ['started', run.startedAt],
    ['took', `${(run.tookMs / 1_000).toFixed(1)} s`],
    [
      'spoken',
      `${countText(run.sessions, 'sessions')}, ${(run.audioMs / 60_000).toFixed(1)} min of audio, ${run.failedSessions} broke; ${countText(run.trials, 'faults')}`,
    ],
    [
      'sender lateness',
      `p99 ${run.senderLateMs.p99} ms of all frames, max ${run.senderLateMs.max} ms${
        run.senderWasLate ? ': the machine was too busy, latencies are worse than the target is' : ''
      }`,
    ],
    ['shown in a browser', renderedText(rendered)],
    ...(wordErrors === null ? [] : [['word errors', wordErrorsText(wordErrors)] as const]),
    ['machine', `${run.machine.platform}, Node ${run.machine.node}, ${run.machine.cpus} CPUs, ${gib} GiB`],
    ['corpus digest', run.corpusDigest],
    ['report digest', digest],
  ];
}

function renderedText({
  browser,
  why,
  sessions,
  entries,
  disagreeing,
}: AcceptanceReport['rendered']): string {
  if (browser === null) return `no: ${why}`;
  const agree =
    disagreeing === 0 ? 'as the view counted them' : `${countText(disagreeing, 'sessions')} unlike the view`;
  return `${countText(sessions, 'sessions')}, ${countText(entries, 'entries')} in ${browser}, ${agree}`;
}

function wordErrorsText(errors: NonNullable<AcceptanceReport['wordErrors']>): string {
  const { rate, substitutions, deletions, insertions, referenceWords, normalizer } = errors;
  return `${(rate * 100).toFixed(1)} % of ${referenceWords} words (${substitutions} other words, ${deletions} missing, ${insertions} too many; ${normalizer})`;
}

/** For a page: a number and its unit stay on one line. */
export function unbroken(text: string): string {
  return text.replace(/(\d) (ms|s|min|%)(?![\p{L}\d])/gu, '$1\u00a0$2');
}

/** For a page: text of a target is never markup. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
