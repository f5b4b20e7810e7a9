import { readFile } from 'node:fs/promises';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Page, Route } from 'playwright-core';
import { type Chromium, launchChromium } from './chromium.ts';
import type { ScreenCount, TimedText } from './transcript-page.ts';

/** What a real browser showed of some sessions, or why none did. */
export type RenderedCount =
  | { readonly browser: string; readonly counts: readonly ScreenCount[] }
  | { readonly browser: null; readonly why: string };

/** The page asks for these and gets nothing else, from this machine or from any other. */
const modules = [
  'acceptance/transcript-page.js',
  'acceptance/transcript-view.js',
  'transcript/hypothesis.js',
  'transcript/range-set.js',
];
/** Nothing listens there: every request is answered here. */
const origin = 'http://transcript.invalid';
/** A hundred short sessions take a second; a browser that takes longer for one hangs. */
const sessionLimitMs = 20_000;

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Live transcript</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
  ol { list-style: none; padding: 0; } li[data-kind='partial'] { opacity: 0.6; }
</style>
<body>
<script type="module">
  import { playSession } from './acceptance/transcript-page.js';
  globalThis.play = (texts) => playSession(document, texts);
</script>
</body>
</html>`;

/**
 * Shows each session on the transcript page in a real headless Chromium, and answers what stood on the screen. Answers
 * why not where there is no browser; never rejects, and ends within 20 s a session.
 */
export async function countRendered(
  sessions: readonly (readonly TimedText[])[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<RenderedCount> {
  let chromium: Chromium | null = null;
  try {
    chromium = await launchChromium(env);
    const page = await openPage(chromium);
    const counts: ScreenCount[] = [];
    for (const texts of sessions) counts.push(await play(page, texts));
    return { browser: `Chromium ${chromium.version}`, counts };
  } catch (error) {
    return { browser: null, why: messageOf(error).split('\n', 1)[0] ?? '' };
  } finally {
    await chromium?.close().catch(() => undefined);
  }
}

async function openPage(chromium: Chromium): Promise<Page> {
  const context = await chromium.newContext();
  await context.route('**', answer);
  const page = await context.newPage();
  page.setDefaultTimeout(sessionLimitMs);
  await page.goto(`${origin}/`);
  await page.waitForFunction('typeof globalThis.play === "function"');
  return page;
}

async function answer(route: Route): Promise<void> {
  const path = new URL(route.request().url()).pathname.slice(1);
  if (path === '') return route.fulfill({ contentType: 'text/html', body: html });
  if (!modules.includes(path)) return route.abort();
  return route.fulfill({ contentType: 'text/javascript', body: await readFile(builtFile(path), 'utf8') });
}

/** The browser runs what was built, also when this file is a source that a test runs. */
function builtFile(path: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `../../dist/${path}` : `../${path}`, import.meta.url);
}

async function play(page: Page, texts: readonly TimedText[]): Promise<ScreenCount> {
  const plain = texts.map(({ atMs, isFinal, start, end, text }) => ({ atMs, isFinal, start, end, text }));
  let cancel: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = setTimeout(() => reject(new Error('The page did not answer in time.')), sessionLimitMs);
  });
  try {
    // As text: a function would be rewritten by whatever runs this file, and the page knows nothing of that.
    const shown = page.evaluate(`globalThis.play(${JSON.stringify(plain)})`) as Promise<ScreenCount>;
    return await Promise.race([shown, late]);
  } finally {
    clearTimeout(cancel);
  }
}
