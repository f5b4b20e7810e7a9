import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../command-io.fixture.ts';
import { journalProblem } from './journal-problem.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const commands = [
  ['inspect', []],
  ['verify', []],
  ['export', ['a-session', 'call.wav']],
] as const;

describe.each(commands)('crossfade journal %s', (command, args) => {
  const look = (data: string) => run(['journal', command, ...args, '--data', data]);

  it('says which folder has no journal, and what to name', async () => {
    const { err, code } = await look(folder);
    expect(code).toBe(3);
    expect(err).toContain(
      `Expected a journal in ${join(folder, 'journal')}, got no such folder. Name with --data`,
    );
    expect(err).not.toMatch(/ENOENT|scandir/);
  });

  it('says that a file is no data folder', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { err, code } = await look(file);
    expect(code).toBe(3);
    expect(err).toMatch(/a file stands for a folder\. Name with --data/);
    expect(err).not.toContain('ENOTDIR');
  });

  it('says in a sentence what else the disk refuses, a journal file that cannot be read too', async () => {
    mkdirSync(join(folder, 'journal'));
    const name = '000000000001-00000001.cfj';
    symlinkSync(name, join(folder, 'journal', name));
    const { err, out, code } = await look(folder);
    expect(code).toBe(3);
    if (command === 'verify') expect(out).toContain('Some files could not be read; whether they are whole');
    else expect(err).toMatch(/Expected a journal in .* got ELOOP.*\. Look at the disk, or/);
  });
});

describe('crossfade journal', () => {
  it('finds nothing to check where nobody has spoken', async () => {
    mkdirSync(join(folder, 'journal'));
    const { out, code } = await run(['journal', 'verify', '--data', folder]);
    expect({ out, code }).toEqual({
      out: `No files in ${join(folder, 'journal')}: nobody has spoken yet.`,
      code: 0,
    });
  });

  it('names what may not be read, and who may', () => {
    const refused = Object.assign(new Error('EACCES: permission denied'), {
      code: 'EACCES',
      path: '/d/1.cfj',
    });
    const { message } = journalProblem('/d', refused);
    expect(message).toBe(
      'Expected a journal in /d, got no permission to read /d/1.cfj. Run this as the user that the gateway runs as.',
    );
  });
});
