import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Browser, BrowserContext } from 'playwright-core';

/** What the browser is called on the systems we know: Debian, Ubuntu, Google's own packages. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * No sandbox: its kernel features are missing in containers and for root, and only our own page is opened. No QUIC
 * and nothing in the background: what the browser does is what the page asks for.
 */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A cold start on a busy machine takes seconds; one that takes longer will not come. */
const launchLimitMs = 30_000;

/** A browser on this machine, or the sentence that says what is missing. */
export type ChromiumLocation =
  { readonly found: true; readonly path: string } | { readonly found: false; readonly missing: string };

/** Finds Chromium: `CROSSFADE_CHROMIUM`, else the first of its usual names on `PATH`. Starts nothing. */
export function locateChromium(env: NodeJS.ProcessEnv = process.env): ChromiumLocation {
  const named = env['CROSSFADE_CHROMIUM'] ?? '';
  if (named !== '') {
    if (isProgram(named)) return { found: true, path: named };
    return {
      found: false,
      missing: `Expected a browser at CROSSFADE_CHROMIUM (${named}), found no program there.`,
    };
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      if (isProgram(join(folder, name))) return { found: true, path: join(folder, name) };
    }
  }
  return {
    found: false,
    missing: `Expected one of ${names.join(', ')} on PATH, found none. Install Chromium (Debian: apt-get install chromium) or name it in CROSSFADE_CHROMIUM.`,
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A real headless browser with an empty profile. Whoever launches it closes it. */
export interface Chromium {
  /** Chromium's own version, for a report. */
  readonly version: string;
  /** A page with a profile of its own, in English and with dots in numbers on every machine. */
  newContext(options?: {
    readonly viewport?: { readonly width: number; readonly height: number };
    readonly colorScheme?: 'light' | 'dark';
    readonly javaScriptEnabled?: boolean;
  }): Promise<BrowserContext>;
  close(): Promise<void>;
}

/**
 * Launches Chromium headless. Throws with one sentence when playwright-core or the browser is not installed, or when
 * the browser does not start within 30 s.
 */
export async function launchChromium(env: NodeJS.ProcessEnv = process.env): Promise<Chromium> {
  const location = locateChromium(env);
  if (!location.found) throw new Error(location.missing);
  const playwright = await import('playwright-core').catch((cause: unknown) => {
    throw new Error('Expected the npm package playwright-core. Run: npm install playwright-core', { cause });
  });
  let browser: Browser;
  try {
    browser = await playwright.chromium.launch({
      executablePath: location.path,
      headless: true,
      args: flags,
      timeout: launchLimitMs,
    });
  } catch (cause) {
    const firstLine = messageOf(cause).split('\n', 1)[0] ?? '';
    throw new Error(`Expected ${location.path} to start, got: ${firstLine}`, { cause });
  }
  return {
    version: browser.version(),
    newContext: (options = {}) => browser.newContext({ locale: 'en-US', ...options }),
    close: () => browser.close(),
  };
}
