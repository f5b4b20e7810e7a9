import { describe, expect, it } from 'vitest';
import { reportHtml } from './report-html.ts';
import { reportMarkdown } from './report-markdown.ts';
import { reportTable } from './report-table.ts';
import { exampleReport } from './report.fixture.ts';
import { servedByNotice, servedByText, ServerTotals } from './served-by.ts';

const arm = { upstream: 'streaming', build: 'b1', tookOver: false };
const rescuer = { upstream: 'legacy', build: null, tookOver: true };

describe('who served the sessions of a run', () => {
  it('is counted by upstream and build, and one that was taken over counts for both', () => {
    const totals = new ServerTotals();
    for (const servers of [[arm], [arm, rescuer], [arm], []]) totals.add(servers);
    expect(totals.rows).toEqual([
      { upstream: 'streaming', build: 'b1', sessions: 3, tookOver: 0 },
      { upstream: 'legacy', build: null, sessions: 1, tookOver: 1 },
    ]);
    expect(servedByText(totals.rows)).toBe(
      'streaming (build b1) 3 sessions; legacy (build not said) 1 session, took over 1',
    );
  });

  it('is noticed when it was not the build under test alone', () => {
    const alone = { upstream: 'streaming', build: 'b1', sessions: 4, tookOver: 0 };
    const helped = [alone, { upstream: 'legacy', build: null, sessions: 1, tookOver: 1 }];
    const other = [{ ...alone, build: 'b0' }];
    expect(servedByNotice(exampleReport({ servedBy: [alone] }))).toBeNull();
    expect(servedByNotice(exampleReport({ servedBy: [] }))).toBeNull();
    for (const servedBy of [helped, other]) {
      const report = exampleReport({ servedBy });
      const notice = servedByNotice(report)!;
      expect(notice).toContain('Not only the build under test b1');
      for (const write of [reportHtml, reportMarkdown, reportTable]) expect(write(report)).toContain(notice);
    }
    for (const write of [reportHtml, reportMarkdown])
      expect(write(exampleReport({ servedBy: [alone] }))).toContain('streaming (build b1) 4 sessions');
  });

  it('is not known of a report that was made before', () => {
    const { servedBy: _, ...before } = exampleReport();
    expect(reportMarkdown(before)).toContain('| served by | the target does not say |');
  });
});
