import { seededRandom, below } from '@crossfade/sdk/core/random';
import { describe, expect, it } from 'vitest';
import { countRendered } from './rendered-count.ts';
import type { ScreenCount, TimedText } from './transcript-page.ts';
import { emptyView, settle, show, stalePartialMs } from './transcript-view.ts';

/** The reducer alone, as the suite counts all sessions. */
function reduced(texts: readonly TimedText[]): ScreenCount {
  const view = texts.reduce((shown, text) => show(shown, text, text.atMs), emptyView);
  const endMs = (texts.at(-1)?.atMs ?? 0) + stalePartialMs;
  const { shown, duplicates } = settle(view, endMs);
  return { shown, duplicates };
}

/** What a target with every vice says: partials that linger, finals twice, ranges that overlap, texts of markup. */
function wildSession(seed: number): readonly TimedText[] {
  const random = seededRandom(seed);
  let atMs = 0;
  return Array.from({ length: 60 }, () => {
    atMs += below(random, 4) === 0 ? 100 : below(random, 160);
    const start = below(random, 12) * 100;
    const texts = ['', 'good morning', 'Good morning!', '<b>bold</b> & so on', 'on <i'];
    return {
      atMs,
      isFinal: below(random, 3) === 0,
      start,
      end: start + 50 + below(random, 300),
      text: texts[below(random, texts.length)] as string,
    };
  });
}

describe('what a real browser shows', () => {
  it('is what the view counts, also of a target with duplicates and lingering partials', async () => {
    const sessions = Array.from({ length: 200 }, (_, seed) => wildSession(seed));
    const counted = sessions.map(reduced);

    const rendered = await countRendered(sessions);

    expect(rendered).toEqual({ browser: expect.stringMatching(/^Chromium \d+/), counts: counted });
    const total = counted.reduce((sum, { duplicates }) => sum + duplicates, 0);
    expect(total, 'the sessions have something to count').toBeGreaterThan(500);
  });

  it('is what the view counts when a session is longer than either keeps', async () => {
    const long = Array.from({ length: 700 }, (_, i) => {
      const start = (i % 350) * 100;
      return { atMs: i * 10, isFinal: true, start, end: start + 100, text: `entry ${i % 350}` };
    });

    expect(await countRendered([long])).toMatchObject({ counts: [reduced(long)] });
  });

  it('shows words as words', async () => {
    const texts = [{ atMs: 0, isFinal: true, start: 0, end: 1, text: '<li data-kind="final">x</li>' }];

    expect(await countRendered([texts])).toMatchObject({ counts: [{ shown: 1, duplicates: 0 }] });
  });

  it('says why when there is no browser', async () => {
    expect(await countRendered([], { PATH: '' })).toEqual({
      browser: null,
      why: expect.stringContaining('found none'),
    });
  });
});
