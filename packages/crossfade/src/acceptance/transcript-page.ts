/**
 * The page on which a person reads a live transcript: an entry per segment, and at most one text that may still change.
 * It runs in a browser, on the same view as everything else here, and knows nothing of Node. What is on the screen is
 * then counted on the screen: `count` reads elements, never the view.
 */
import { normalizedText } from '../transcript/hypothesis.ts';
import { overlapOf } from '../transcript/range-set.ts';
import {
  emptyView,
  settle,
  show,
  type ShownEntry,
  stalePartialMs,
  type TranscriptView,
  type ViewText,
} from './transcript-view.ts';

/** A text and when it came, ms. */
export interface TimedText extends ViewText {
  readonly atMs: number;
}

/** What was on the screen over a whole session. */
export interface ScreenCount {
  /** Entries ever shown, a partial that outstayed its final among them. */
  readonly shown: number;
  readonly duplicates: number;
}

/** The little of the DOM that the page needs; `document` and its elements have it. */
interface PageElement {
  textContent: string | null;
  readonly children: ArrayLike<PageElement>;
  setAttribute(name: string, value: string): void;
  getAttribute(name: string): string | null;
  append(child: PageElement): void;
  remove(): void;
}
export interface PageDocument {
  readonly body: PageElement;
  createElement(tag: string): PageElement;
}

/** Shows one session in `document`, the texts at their times, and counts what stood there. Time is an argument. */
export function playSession(document: PageDocument, texts: readonly TimedText[]): ScreenCount {
  const screen = new Screen(document);
  const audit = new ScreenAudit(screen.list);
  let view = emptyView;
  const moments = [
    ...texts.map(({ atMs }) => atMs),
    // 100 ms after each final nothing that it replaces may be there: the screen is looked at then, too.
    ...texts.map(({ atMs }) => atMs + stalePartialMs),
  ].sort((a, b) => a - b);
  let next = 0;
  for (const nowMs of moments) {
    audit.look(nowMs);
    view = settle(view, nowMs);
    screen.draw(view);
    for (; (texts[next]?.atMs ?? Infinity) <= nowMs; next++) {
      view = show(view, texts[next] as TimedText, nowMs);
      screen.draw(view);
      audit.look(nowMs);
    }
  }
  screen.list.remove();
  return audit.count;
}

/** Draws views: what is there already stays the same element, so that a person's eye and selection stay too. */
class Screen {
  readonly list: PageElement;
  readonly #document: PageDocument;
  readonly #drawn = new Map<ShownEntry, PageElement>();
  #partial: { readonly element: PageElement; readonly entry: ShownEntry } | null = null;

  constructor(document: PageDocument) {
    this.#document = document;
    this.list = document.createElement('ol');
    document.body.append(this.list);
  }

  draw({ entries, partial }: TranscriptView): void {
    // A text of other audio is another segment: another element.
    if (this.#partial !== null && (partial === null || overlapOf(this.#partial.entry, partial) === 0)) {
      this.#partial.element.remove();
      this.#partial = null;
    }
    for (const entry of entries) {
      if (!this.#drawn.has(entry)) this.#drawn.set(entry, this.#element(entry, 'final'));
    }
    // What the view lets go, the page lets go: both stay small however long a session is.
    for (const [entry, element] of this.#drawn) {
      if (entry === entries[0]) break;
      element.remove();
      this.#drawn.delete(entry);
    }
    if (partial === null) return;
    const element = this.#partial?.element ?? this.#element(partial, 'partial');
    this.#write(element, partial);
    this.#partial = { element, entry: partial };
  }

  #element(entry: ShownEntry, kind: 'final' | 'partial'): PageElement {
    const element = this.#document.createElement('li');
    element.setAttribute('data-kind', kind);
    this.#write(element, entry);
    this.list.append(element);
    return element;
  }

  #write(element: PageElement, { start, end, text }: ShownEntry): void {
    element.setAttribute('data-start', String(start));
    element.setAttribute('data-end', String(end));
    element.textContent = text;
  }
}

interface SeenElement {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Counts by the elements alone, on its own: it shares the rules with the view, and none of its state. */
class ScreenAudit {
  readonly #list: PageElement;
  readonly #counted = new Set<PageElement>();
  readonly #stale = new Set<PageElement>();
  /** A partial that stands beside a final which covers it, and since when, ms. */
  #beside: { readonly element: PageElement; readonly sinceMs: number } | null = null;
  #shown = 0;
  #duplicates = 0;

  constructor(list: PageElement) {
    this.#list = list;
  }

  get count(): ScreenCount {
    return { shown: this.#shown, duplicates: this.#duplicates };
  }

  look(nowMs: number): void {
    const elements = Array.from(this.#list.children);
    const finals: SeenElement[] = [];
    for (const element of elements) {
      const seen = seenOf(element);
      if (seen.kind !== 'final') continue;
      if (!this.#counted.has(element)) {
        this.#counted.add(element);
        this.#shown += 1;
        if (finals.some((other) => isSame(seen, other))) this.#duplicates += 1;
      }
      finals.push(seen);
    }
    const partial = elements.find((element) => seenOf(element).kind === 'partial');
    if (partial === undefined || !finals.some((final) => isCovered(seenOf(partial), final))) {
      this.#beside = null;
      return;
    }
    if (this.#beside?.element !== partial) this.#beside = { element: partial, sinceMs: nowMs };
    if (nowMs - this.#beside.sinceMs < stalePartialMs || this.#stale.has(partial)) return;
    this.#stale.add(partial);
    this.#shown += 1;
    this.#duplicates += 1;
  }
}

function seenOf(element: PageElement): SeenElement {
  const number = (name: string): number => Number(element.getAttribute(name));
  return {
    text: element.textContent ?? '',
    start: number('data-start'),
    end: number('data-end'),
    kind: element.getAttribute('data-kind') ?? '',
  };
}

function isCovered(range: SeenElement, by: SeenElement): boolean {
  return overlapOf(range, by) * 2 >= range.end - range.start;
}

function isSame(a: SeenElement, b: SeenElement): boolean {
  return isCovered(a, b) && normalizedText(a.text) === normalizedText(b.text);
}
