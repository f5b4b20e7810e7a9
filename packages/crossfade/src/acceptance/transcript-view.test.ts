import { describe, expect, it } from 'vitest';
import type { SaidText } from './driver.ts';
import { emptyView, settle, show, type TranscriptView } from './transcript-view.ts';

const text = (isFinal: boolean, start: number, end: number, words: string): SaidText => ({
  isFinal,
  start,
  end,
  text: words,
  words: [],
});
const after = (...steps: readonly (readonly [SaidText, number])[]): TranscriptView =>
  steps.reduce((view, [said, atMs]) => show(view, said, atMs), emptyView);

describe('the transcript view', () => {
  it('shows one text that may change, and a final in its place', () => {
    const view = after([text(false, 0, 50, 'good'), 0], [text(false, 0, 90, 'good morning'), 40]);
    expect(view.partial?.text).toBe('good morning');
    const done = show(view, text(true, 0, 100, 'Good morning.'), 80);
    expect(done).toMatchObject({ partial: null, shown: 1, duplicates: 0 });
  });

  it('counts the same text on the same audio once too often, whatever its case', () => {
    const view = after([text(true, 0, 100, 'Good morning.'), 0], [text(true, 10, 110, 'good morning'), 5]);
    expect(view).toMatchObject({ shown: 2, duplicates: 1 });
  });

  it('lets the same words be said again later', () => {
    const view = after([text(true, 0, 100, 'yes'), 0], [text(true, 100, 200, 'yes'), 5]);
    expect(view).toMatchObject({ shown: 2, duplicates: 0 });
  });

  it('counts a partial that is still there 100 ms after its final, and not before', () => {
    const late = after([text(true, 0, 100, 'good morning'), 0], [text(false, 0, 90, 'good'), 10]);
    expect(settle(late, 109).duplicates).toBe(0);
    expect(settle(late, 110)).toMatchObject({ duplicates: 1, shown: 2, partial: null });
  });

  it('does not count a partial that goes away in time', () => {
    const view = after(
      [text(true, 0, 100, 'good morning'), 0],
      [text(false, 0, 90, 'good'), 10],
      [text(false, 0, 90, ''), 60],
    );
    expect(settle(view, 1_000).duplicates).toBe(0);
  });

  it('shows nothing for a final of silence', () => {
    expect(after([text(true, 0, 100, ''), 0])).toEqual(emptyView);
  });
});
