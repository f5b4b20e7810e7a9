import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium, type Chromium } from './chromium.ts';

let chromium: Chromium;
beforeAll(async () => {
  chromium = await launchChromium();
});
afterAll(() => chromium.close());

describe('a real headless Chromium', () => {
  it('runs the script of a page and speaks English whatever the machine speaks', async () => {
    const context = await chromium.newContext();
    const page = await context.newPage();
    await page.setContent('<title>t</title><script>document.title = (1234.5).toLocaleString()</script>');

    expect(await page.title()).toBe('1,234.5');
    expect(await page.evaluate('navigator.language')).toBe('en-US');
    await context.close();
  });

  it('keeps nothing from one context to the next', async () => {
    const first = await chromium.newContext();
    await first.addCookies([{ name: 'a', value: '1', url: 'http://127.0.0.1/' }]);
    await first.close();
    const second = await chromium.newContext();

    expect(await second.cookies()).toEqual([]);
    await second.close();
  });
});
