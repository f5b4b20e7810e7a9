import { escaped } from './report-text.ts';
import type { WorstCase } from './report.ts';

const width = 440;
const left = 78;
const plotWidth = width - left - 8;

/** One session drawn on one axis: audio, what was lost of it, partials, finals, stop and fault; the finals as text. */
export function timeline({ audioMs, stoppedAtMs, endedAtMs, faultAtMs, lost, texts }: WorstCase): string {
  const endMs = Math.max(audioMs, endedAtMs, 1);
  const x = (ms: number): string =>
    String(Math.round((left + (Math.min(ms, endMs) / endMs) * plotWidth) * 10) / 10);
  const bar = (start: number, end: number, y: number, kind: string): string =>
    `<rect x="${x(start)}" y="${y}" width="${Math.max(1.5, Number(x(end)) - Number(x(start)))}" height="12" class="${kind}"/>`;
  const label = (y: number, words: string): string =>
    `<text x="${left - 8}" y="${y + 10}" text-anchor="end" class="axis">${words}</text>`;
  const moment = (ms: number, kind: string, words: string): string =>
    `<line x1="${x(ms)}" x2="${x(ms)}" y1="4" y2="92" class="${kind}"/><text x="${x(ms)}" y="104" text-anchor="${ms > endMs * 0.7 ? 'end' : 'start'}" class="label">${words}</text>`;
  const arrivals = (isFinal: boolean, y: number): string =>
    texts
      .filter(({ final }) => final === isFinal)
      .map(({ atMs }) => `<circle cx="${x(atMs)}" cy="${y + 6}" r="${isFinal ? 4 : 2.5}" class="bar"/>`)
      .join('');
  const finals = texts.filter(({ final }) => final);
  const drawing = [
    label(8, 'audio'),
    bar(0, audioMs, 8, 'quiet'),
    ...lost.map(({ startMs, endMs: lostEndMs }) => bar(startMs, lostEndMs, 8, 'bad')),
    label(30, 'finals of'),
    ...finals.map(({ startMs, endMs: finalEndMs, text }) =>
      bar(startMs, finalEndMs, 30, text === '' ? 'quiet' : 'bar'),
    ),
    label(52, 'partials at'),
    arrivals(false, 52),
    label(74, 'finals at'),
    arrivals(true, 74),
    stoppedAtMs === null ? '' : moment(stoppedAtMs, 'mark', `stop ${Math.round(stoppedAtMs)} ms`),
    faultAtMs === null ? '' : moment(faultAtMs, 'limit', `fault ${Math.round(faultAtMs)} ms`),
  ];
  const rows = finals.map(
    ({ atMs, startMs, endMs: finalEndMs, text }) =>
      `<li><span>${Math.round(startMs)}–${Math.round(finalEndMs)} ms, at ${Math.round(atMs)} ms</span> ${text === '' ? '<i>silence</i>' : escaped(text)}</li>`,
  );
  return `<svg viewBox="0 0 ${width} 110" role="img" aria-label="timeline of the session">${drawing.join('')}</svg>${rows.length === 0 ? '' : `<ol class="finals">${rows.join('')}</ol>`}`;
}
