import { countText } from '../analysis/metric-spec.ts';
import type { Observation } from './observation.ts';
import type { RenderedCount } from './rendered-count.ts';
import type { AcceptanceReport } from './report.ts';
import type { SessionScore } from './score-session.ts';
import type { ScreenCount, TimedText } from './transcript-page.ts';

/** Sessions shown in a browser: the first ones, and those in which the view counted duplicates. */
const firstMax = 20;
const duplicatesMax = 20;
/** A longer session is not shown; its texts would be kept in memory for the whole run. */
const textsMax = 2_000;

/** Shows sessions in a browser and counts; hands over what it saw, or why it could not. */
export type Render = (sessions: readonly (readonly TimedText[])[]) => Promise<RenderedCount>;

/** What the report says of the sessions that a browser showed. */
export type Rendered = AcceptanceReport['rendered'];

/** Keeps a bounded sample of sessions, and compares what the view counted with what a browser shows. */
export class RenderedSample {
  readonly #sessions: (readonly TimedText[])[] = [];
  readonly #counted: ScreenCount[] = [];
  #first = 0;
  #duplicates = 0;

  add({ texts }: Observation, { counts }: SessionScore): void {
    if (texts.length > textsMax) return;
    if (this.#first < firstMax) this.#first += 1;
    else if (counts.duplicateEntries > 0 && this.#duplicates < duplicatesMax) this.#duplicates += 1;
    else return;
    this.#sessions.push(
      texts.map(({ atMs, isFinal, start, end, text }) => ({ atMs, isFinal, start, end, text })),
    );
    this.#counted.push({ shown: counts.entries, duplicates: counts.duplicateEntries });
  }

  async compare(render: Render | undefined): Promise<Rendered> {
    const none = { sessions: 0, entries: 0, duplicates: 0, disagreeing: 0 };
    if (render === undefined) return { browser: null, why: 'no browser was asked for', ...none };
    if (this.#sessions.length === 0) return { browser: null, why: 'no session was there to show', ...none };
    const rendered = await render(this.#sessions);
    if (rendered.browser === null) return { browser: null, why: rendered.why, ...none };
    const { browser, counts } = rendered;
    const disagreeing = counts.filter(({ shown, duplicates }, i) => {
      const counted = this.#counted[i];
      return shown !== counted?.shown || duplicates !== counted.duplicates;
    });
    return {
      browser,
      why: '',
      sessions: counts.length,
      entries: counts.reduce((sum, { shown }) => sum + shown, 0),
      duplicates: counts.reduce((sum, { duplicates }) => sum + duplicates, 0),
      disagreeing: disagreeing.length,
    };
  }
}

/** The observer of duplicates: the view for all sessions, and what a browser said of it for some. */
export function viewObserver({ browser, why, sessions, disagreeing }: Rendered): string {
  const view = 'black box: the view of what the socket said';
  if (browser === null) return `${view}, by the reducer alone (${why.replace(/[.]$/, '')})`;
  const page = browser.replace(/[.].*$/, '');
  const shown = `${countText(sessions, 'sessions')} also shown in ${page}`;
  return disagreeing === 0
    ? `${view}; ${shown}, which counts the same`
    : `${view}; ${shown}, which counts differently in ${disagreeing}: the view cannot be trusted`;
}
