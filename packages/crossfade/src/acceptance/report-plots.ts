/** Plots as inline SVG: no script, colours from the page's style, so that both themes and a printer work. */
import { escaped } from './report-text.ts';
import type { AcceptanceReport } from './report.ts';

/** As wide as a figure on a desktop, and not much wider than a phone: its letters stay letters there. */
const width = 440;
const height = 170;
/** Room for the axis below and the numbers at the left. */
const left = 46;
const bottom = 26;
const top = 12;
const plotWidth = width - left - 8;
const plotHeight = height - bottom - top;

type Counted = readonly (readonly [value: number, count: number])[];

interface Mark {
  readonly value: number;
  readonly label: string;
  readonly kind: 'limit' | 'mark';
}

/** How often each latency was seen, with the limit and the p95. Empty without any. */
export function latencyPlot(values: Counted, limitMs: number, p95Ms: number | null): string {
  if (values.length === 0) return '';
  const worst = values.at(-1)![0];
  const endMs = Math.max(limitMs * 1.15, Math.min(worst * 1.05, limitMs * 4));
  const bins = 64;
  const counts = new Array<number>(bins).fill(0);
  for (const [value, count] of values)
    counts[Math.min(bins - 1, Math.floor((value / endMs) * bins))]! += count;
  const most = Math.max(...counts);
  const barWidth = plotWidth / bins;
  const bars = counts.map((count, i) => {
    if (count === 0) return '';
    // A single slow final must still be seen beside hundreds of fast ones.
    const tall = Math.max(2, (count / most) * plotHeight);
    const isOver = (i + 0.5) * (endMs / bins) >= limitMs;
    return rect(left + i * barWidth, top + plotHeight - tall, barWidth - 1, tall, isOver ? 'bad' : 'bar');
  });
  const marks: Mark[] = [{ value: limitMs, label: `limit ${number(limitMs)} ms`, kind: 'limit' }];
  if (p95Ms !== null) marks.push({ value: p95Ms, label: `p95 ${number(p95Ms)} ms`, kind: 'mark' });
  return svg(
    `latencies in ms, ${values.reduce((sum, [, count]) => sum + count, 0)} values`,
    bars.join('') +
      xAxis(endMs, 'ms') +
      yAxis(most) +
      marks.map((mark, i) => vertical(mark, endMs, i)).join(''),
  );
}

/** The tail of each stop in the order they came, with the limit of their mean. */
export function tailPlot(tailsMs: readonly number[], limitMs: number): string {
  if (tailsMs.length === 0) return '';
  const highest = Math.max(limitMs * 1.5, ...tailsMs);
  const y = (ms: number): number => top + plotHeight * (1 - ms / highest);
  const step = plotWidth / tailsMs.length;
  const dots = tailsMs.map(
    (ms, i) =>
      `<circle cx="${at(left + (i + 0.5) * step)}" cy="${at(y(ms))}" r="2" class="${ms >= limitMs ? 'bad' : 'bar'}"/>`,
  );
  return svg(
    `missed tail of ${tailsMs.length} stops, ms`,
    dots.join('') +
      horizontal(y(limitMs), `limit of the mean ${number(limitMs)} ms`) +
      yAxis(highest) +
      floor('stops, first to last'),
  );
}

/** What each crash cost, the worst named. */
export function lossPlot(report: Pick<AcceptanceReport, 'trials' | 'faults'>, limitMs: number): string {
  const crashes = crashesOf(report);
  if (crashes.length === 0) return '';
  const worstMs = Math.max(...crashes.map(({ lossMs }) => lossMs));
  const highest = Math.max(limitMs * 1.2, worstMs);
  const y = (ms: number): number => top + plotHeight * (1 - ms / highest);
  const step = plotWidth / crashes.length;
  const barWidth = Math.min(40, step * 0.7);
  const bars = crashes.map(({ lossMs }, i) => {
    const tall = Math.max(2, top + plotHeight - y(lossMs));
    const x = left + (i + 0.5) * step - barWidth / 2;
    return rect(x, top + plotHeight - tall, barWidth, tall, lossMs > limitMs ? 'bad' : 'bar');
  });
  return svg(
    `audio lost in each of ${crashes.length} crashes, ms`,
    bars.join('') +
      horizontal(y(limitMs), `limit ${number(limitMs)} ms`) +
      (worstMs < limitMs * 0.7
        ? text(width - 10, y(worstMs) - 6, `worst ${number(worstMs)} ms`, 'end', 'label')
        : '') +
      yAxis(highest) +
      floor(`${crashes.length} crashes, first to last; worst ${number(worstMs)} ms`),
  );
}

/** Trials in which a process was killed: they alone cost audio. */
export function crashesOf({
  trials,
  faults,
}: Pick<AcceptanceReport, 'trials' | 'faults'>): AcceptanceReport['trials'] {
  const crashes = new Set(faults.filter(({ crash }) => crash).map(({ fault }) => fault));
  return trials.filter(({ fault }) => crashes.has(fault));
}

/** A row per class of fault: recovered, and not. */
export function recoveryPlot(classes: AcceptanceReport['faults']): string {
  if (classes.length === 0) return '';
  const rowHeight = 20;
  const labels = 140;
  const room = width - labels - 78;
  const rows = classes.map(({ fault, trials: count, recovered }, i) => {
    const y = top + i * rowHeight;
    const good = (recovered / count) * room;
    const bad = recovered === count ? '' : rect(labels + good, y, room - good, 12, 'bad');
    return (
      text(labels - 8, y + 10, fault, 'end') +
      (recovered === 0 ? '' : rect(labels, y, good, 12, 'bar')) +
      bad +
      text(labels + room + 8, y + 10, `${recovered} of ${count}`, 'start', 'label')
    );
  });
  const tall = top + classes.length * rowHeight + 6;
  return svg(`recovered faults by class`, rows.join(''), tall);
}

/** The sessions that lost audio as rows, the lost stretches dark. */
export function captureMap(captures: AcceptanceReport['plots']['captures']): string {
  if (captures.length === 0) return '';
  const rowHeight = captures.length > 16 ? 9 : 16;
  const longest = Math.max(...captures.map(({ audioMs }) => audioMs));
  const x = (ms: number): number => left + (ms / longest) * plotWidth;
  const rows = captures.map(({ id, audioMs, lost }, i) => {
    const y = top + i * rowHeight;
    const line = rect(x(0), y, x(audioMs) - x(0), rowHeight - 3, 'quiet');
    const holes = lost.map(([start, end]) =>
      rect(x(start), y, Math.max(1.5, x(end) - x(start)), rowHeight - 3, 'bad'),
    );
    return `<g><title>${escaped(id)}</title>${line}${holes.join('')}</g>`;
  });
  const tall = top + captures.length * rowHeight + bottom;
  return svg(
    `audio of ${captures.length} sessions that lost some, lost stretches marked`,
    rows.join('') + text(left - 6, top + 8, 'worst', 'end') + ticks(longest, tall - bottom, 'ms'),
    tall,
  );
}

function svg(label: string, content: string, tall = height): string {
  return `<svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${label}">${content}</svg>`;
}

function rect(x: number, y: number, wide: number, tall: number, kind: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(0.5, wide))}" height="${at(tall)}" class="${kind}"/>`;
}

function text(
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end',
  kind = 'axis',
): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" class="${kind}">${words}</text>`;
}

function vertical({ value, label, kind }: Mark, endMs: number, row: number): string {
  const x = left + (value / endMs) * plotWidth;
  const isRight = x > width * 0.7;
  return (
    `<line x1="${at(x)}" x2="${at(x)}" y1="${top}" y2="${top + plotHeight}" class="${kind}"/>` +
    text(x + (isRight ? -4 : 4), top + 10 + row * 14, label, isRight ? 'end' : 'start', 'label')
  );
}

function horizontal(y: number, label: string): string {
  return (
    `<line x1="${left}" x2="${width - 8}" y1="${at(y)}" y2="${at(y)}" class="limit"/>` +
    text(width - 10, y - 4, label, 'end', 'label')
  );
}

function xAxis(end: number, unit: string): string {
  return ticks(end, top + plotHeight, unit);
}

function ticks(end: number, y: number, unit: string): string {
  const line = `<line x1="${left}" x2="${width - 8}" y1="${at(y)}" y2="${at(y)}" class="frame"/>`;
  const step = roundStep(end / 4);
  const values = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
  const marks = values.map((value, i) => {
    const words = i === values.length - 1 ? `${number(value)} ${unit}` : number(value);
    const x = left + (value / end) * plotWidth;
    return text(x, y + 16, words, x > width - 40 ? 'end' : 'middle');
  });
  return line + marks.join('');
}

/** 1, 2 or 5 times a power of ten, at least `least`: numbers that are read at a glance. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5, 10].find((times) => times * power >= least) ?? 10);
}

function floor(label: string): string {
  const y = top + plotHeight;
  return `<line x1="${left}" x2="${width - 8}" y1="${y}" y2="${y}" class="frame"/>${text(left, y + 16, label, 'start')}`;
}

function yAxis(most: number): string {
  return (
    text(left - 6, top + 8, number(Math.round(most)), 'end') + text(left - 6, top + plotHeight, '0', 'end')
  );
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}
