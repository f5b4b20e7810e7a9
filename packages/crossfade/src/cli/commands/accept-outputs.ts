import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { AcceptanceReport } from '../../acceptance/report.ts';

/** Where a report is to be written. */
export interface OutputPaths {
  readonly html?: string;
  readonly markdown?: string;
  readonly report?: string;
}

const forms = ['report', 'markdown', 'html'] as const;

export function asksForReport(paths: OutputPaths): boolean {
  return forms.some((form) => paths[form] !== undefined);
}

/** Before minutes are spent on a report: can it be written where it shall be? Throws USAGE. */
export async function checkOutputs(paths: OutputPaths): Promise<void> {
  for (const form of forms) {
    const path = paths[form];
    if (path === undefined) continue;
    const why = await whyUnwritable(path);
    if (why !== null) throw new CrossfadeError('USAGE', `Expected --${form} to name a writable file: ${why}`);
  }
}

async function whyUnwritable(path: string): Promise<string | null> {
  const folder = dirname(path);
  try {
    if (!(await stat(folder)).isDirectory()) return `${folder} is no folder. Name another one.`;
  } catch (error) {
    if (isMissing(error)) return `there is no folder ${folder}. Make it, or name another one.`;
    return `the folder ${folder} cannot be looked into. Name another one.`;
  }
  try {
    if ((await stat(path)).isDirectory()) return `${path} is a folder. Name a file in it.`;
    await access(path, constants.W_OK);
    return null;
  } catch (error) {
    if (!isMissing(error)) return `${path} cannot be written. Name another one.`;
  }
  try {
    await access(folder, constants.W_OK);
    return null;
  } catch {
    return `the folder ${folder} cannot be written. Name another one.`;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

export async function writeReports(report: AcceptanceReport, paths: OutputPaths): Promise<void> {
  if (paths.report !== undefined) await writeFile(paths.report, `${JSON.stringify(report, null, 2)}\n`);
  if (paths.markdown !== undefined) {
    const { reportMarkdown } = await import('../../acceptance/report-markdown.ts');
    await writeFile(paths.markdown, reportMarkdown(report));
  }
  if (paths.html !== undefined) {
    const { reportHtml } = await import('../../acceptance/report-html.ts');
    await writeFile(paths.html, reportHtml(report));
  }
}
