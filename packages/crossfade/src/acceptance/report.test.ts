import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { reportHtml } from './report-html.ts';
import { reportMarkdown } from './report-markdown.ts';
import { reportTable } from './report-table.ts';
import { exampleReport } from './report.fixture.ts';
import { isIntact, reportSchema } from './report.ts';

describe('the report', () => {
  it('is what the published schema says; `vitest -u` writes the schema anew', async () => {
    const schema = JSON.stringify(z.toJSONSchema(reportSchema), null, 2);
    await expect(await format(schema, { parser: 'json', printWidth: 110 })).toMatchFileSnapshot(
      '../../schema/acceptance-report.schema.json',
    );
  });

  it('shows when somebody changed it', () => {
    const report = exampleReport();
    expect(isIntact(report)).toBe(true);
    expect(isIntact({ ...report, run: { ...report.run, seed: 2 } })).toBe(false);
  });
});

describe('the published example', () => {
  const folder = '../../../../docs/examples/';
  const report = reportSchema.parse(
    JSON.parse(readFileSync(new URL(`${folder}acceptance-certify.json`, import.meta.url), 'utf8')),
  );

  it('is a certified build, as the suite wrote it', () => {
    expect(isIntact(report)).toBe(true);
    expect(report.metrics.map(({ result }) => result)).toEqual(Array(8).fill('certified'));
  });

  it('is shown by the page of today; `vitest -u` writes it anew', async () => {
    await expect(reportHtml(report)).toMatchFileSnapshot(`${folder}acceptance-certify.html`);
  });
});

const hostile = '<script>alert("|`x`|")</script>';
const written = { html: reportHtml, markdown: reportMarkdown, table: reportTable };

describe.each(Object.entries(written))('the report as %s', (form, write) => {
  it('carries verdict, every metric with its sentence, faults, worst cases and how to run them again', () => {
    const text = write(exampleReport());
    const report = exampleReport();
    for (const { sentence } of report.metrics) expect(text.toLowerCase()).toContain(sentence.toLowerCase());
    for (const part of ['gateway-crash-twice-1', 'within-limits', 'certified', '--case steady-talk-2'])
      expect(text).toContain(part);
    if (form !== 'table') expect(text).toContain(report.digest);
  });

  it('shows nothing where there is nothing, and does not fail', () => {
    const empty = { latencies: [], stopLatencies: [], tails: [], captures: [] };
    const report = exampleReport({ plots: empty, trials: [], worst: [] });
    expect(write(report)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('the page', () => {
  it('says in a banner that a run was cut short, and only then', () => {
    const banner = 'class="partial"';
    expect(reportHtml(exampleReport({ partial: true }))).toContain(banner);
    expect(reportHtml(exampleReport())).not.toContain(banner);
  });

  it('keeps a number and its unit on one line', () => {
    expect(reportHtml(exampleReport())).toContain('350\u00a0ms');
  });
});

describe('a partial report', () => {
  it('is called so in the terminal where it is written somewhere', () => {
    const report = exampleReport({ partial: true });
    expect(reportTable(report)).toContain('The report is partial.');
    expect(reportTable(report, { isWritten: false })).not.toContain('partial');
  });
});

describe('what a hostile target says', () => {
  const report = exampleReport({
    target: { name: hostile, protocol: 'p', build: hostile },
    worst: exampleReport().worst.map((each) => ({
      ...each,
      why: hostile,
      texts: [{ atMs: 1, final: true, startMs: 0, endMs: 1, text: hostile }],
    })),
  });

  it('is words on the page, never markup, and the page runs and loads nothing', () => {
    const html = reportHtml(report);
    expect(html).not.toContain('<script');
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/(src|href)=/);
  });

  it('does not break a Markdown table', () => {
    const markdown = reportMarkdown(report);
    expect(markdown).not.toContain('<script');
    const cells = (line: string): number => line.replace(/\\\|/g, '').split('|').length;
    const [head, ...rows] = markdown
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(-13);
    for (const row of rows) expect(cells(row)).toBe(cells(head as string));
  });
});
