import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium, locateChromium } from './chromium.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-chromium-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, text = '#!/bin/sh\nexit 3\n'): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

describe('locating Chromium', () => {
  it('takes the browser that CROSSFADE_CHROMIUM names before any on PATH', () => {
    program('chromium');
    const named = program('mine/browser');

    expect(locateChromium({ PATH: folder, CROSSFADE_CHROMIUM: named })).toEqual({ found: true, path: named });
  });

  it('prefers Chromium to Chrome, whatever the order of PATH', () => {
    program('first/google-chrome');
    const chromium = program('second/chromium');
    const path = [join(folder, 'first'), join(folder, 'second')].join(delimiter);

    expect(locateChromium({ PATH: path })).toEqual({ found: true, path: chromium });
  });

  it('passes over a folder and a file that cannot be run', () => {
    mkdirSync(join(folder, 'chromium'));
    writeFileSync(join(folder, 'google-chrome'), '');

    expect(locateChromium({ PATH: folder })).toMatchObject({ found: false });
  });

  it('never falls back when the named browser is not there', () => {
    program('chromium');
    const env = { PATH: folder, CROSSFADE_CHROMIUM: join(folder, 'gone') };

    expect(locateChromium(env)).toMatchObject({ found: false, missing: expect.stringContaining('gone') });
  });

  it('says what to install when there is none', async () => {
    await expect(launchChromium({ PATH: folder })).rejects.toThrow('apt-get install chromium');
  });

  it('says so when the program is no browser', async () => {
    const env = { ...process.env, CROSSFADE_CHROMIUM: program('chromium') };

    await expect(launchChromium(env)).rejects.toThrow(/Expected .*chromium to start, got: /);
  });
});
