import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { AuditReport } from '../../controller/audit.ts';
import { type CommandIo, say } from '../command-io.ts';
import { dataPaths, resolveDataDir } from '../data-folder.ts';
import { exitCode } from '../exit-code.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

interface VerifyOptions extends CommonOptions {
  readonly expect?: string;
}

/** `crossfade audit verify`: the log of all rollouts, also beside a running control plane. */
export function addAudit(program: Command, io: CommandIo): void {
  const audit = program.command('audit').description('Check the log that every rollout is made of.');
  systemLeaf(
    audit,
    'verify',
    'Find a record that was changed, removed or moved. Exit code 1: the log is not what was written.',
    ['crossfade audit verify', 'crossfade audit verify --expect 128:5d41402a… --json'],
  )
    .option('--expect <sequence:hash>', 'a record that was noted elsewhere; a log written anew has another')
    .action(async (options: VerifyOptions) => {
      const file = dataPaths(resolveDataDir(options.data, io.env)).rollouts;
      const expected = options.expect === undefined ? undefined : parseExpected(options.expect);
      await mustBeThere(file);
      const { auditStore } = await import('../../controller/audit.ts');
      const { openSqliteRolloutStore } = await import('../../store/sqlite/events.ts');
      const store = await openSqliteRolloutStore({ file });
      try {
        const report = await auditStore(store, expected);
        const code = report.ok ? exitCode.ok : exitCode.failed;
        say(io, options.json === true, { json: report, text: auditText(report), code });
      } finally {
        await store.close();
      }
    });
}

function parseExpected(text: string): { readonly sequence: number; readonly hash: string } {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined)
    return { sequence: Number(match[1]), hash: match[2] };
  throw new CrossfadeError(
    'USAGE',
    `Expected a record's number and its hash of 64 hex digits, such as 12:9f2c…, got "${text.slice(0, 80)}".`,
  );
}

/** Opening makes a file that is not there; a log that is not there is no good log. */
async function mustBeThere(file: string): Promise<void> {
  try {
    await access(file);
  } catch (cause) {
    throw new CrossfadeError(
      'STORE_UNAVAILABLE',
      `Expected the log of rollouts at ${file}, got no such file. Name the data folder with --data.`,
      { cause },
    );
  }
}

function auditText({ ok, records, rollouts, head, damage }: AuditReport): string {
  if (!ok && damage !== null) return `The log is not what was written. ${damage.problem}`;
  const last =
    head === null
      ? ''
      : ` Note the last one elsewhere, and a log written anew is found too: --expect ${head.sequence}:${head.hash}`;
  const of = `of ${rollouts} ${rollouts === 1 ? 'rollout' : 'rollouts'}`;
  return records === 1
    ? `The one record ${of} is as it was written.${last}`
    : `All ${records} records ${of} are as they were written.${last}`;
}
