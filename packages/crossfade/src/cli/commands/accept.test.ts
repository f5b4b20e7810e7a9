import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hearTones } from '../../acceptance/acceptance.fixture.ts';
import { type ListenServer, startListenServer } from '../../acceptance/listen-server.fixture.ts';
import { type AcceptanceReport, isIntact } from '../../acceptance/report.ts';
import { type Ran, run } from '../command-io.fixture.ts';

const oneCase = ['--case', 'short-turns-2', '--seed', '4'];
const notMeasured = ['recovery-success', 'durability-loss', 'orphan-rate', 'finalization-latency'];
const waivers = ['--waive', ...notMeasured.flatMap((id) => [id, 'not of this server'])];

async function withServer<T>(wordsHeard: number, use: (server: ListenServer) => Promise<T>): Promise<T> {
  const server = await startListenServer({
    wordsOf: (_session, audio) => hearTones(audio).slice(0, wordsHeard),
  });
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

const accept = (...words: string[]): Promise<Ran> => run(['accept', ...words]);

describe('crossfade accept', () => {
  it('exits 0 with one object on the last line when nothing failed and nothing is missing', async () => {
    const { code, out } = await withServer(1_000, ({ url }) =>
      accept('--target', url, '--json', ...oneCase, ...waivers),
    );
    const report = JSON.parse(out) as AcceptanceReport;
    expect(report).toMatchObject({ result: 'passed', system: 'direct' });
    expect(report.metrics).toHaveLength(8);
    expect(code).toBe(0);
  });

  it('exits 2 when evidence is missing, and 1 when a metric failed, and writes its reports', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crossfade-accept-test-'));
    const file = (name: string): string => join(folder, name);
    try {
      writeFileSync(file('need.yaml'), 'metrics: { missed-tail: certified }\n');
      const written = ['--report', file('r.json'), '--html', file('r.html'), '--markdown', file('r.md')];
      const failing = withServer(3, ({ url }) => accept('--target', url, ...oneCase, ...written));
      const short = await withServer(1_000, ({ url }) =>
        accept('--target', url, '--require', file('need.yaml'), ...oneCase, ...waivers),
      );
      expect(short.code).toBe(2);
      expect(short.out).toContain('evidence is missing: missed-tail');
      const failed = await failing;
      expect(failed.code).toBe(1);
      const report = JSON.parse(readFileSync(file('r.json'), 'utf8')) as AcceptanceReport;
      expect(isIntact(report)).toBe(true);
      expect(report.worst[0]?.replay).toContain('--case short-turns-2 --seed 4');
      expect(readFileSync(file('r.html'), 'utf8')).toContain('Not fit');
      expect(readFileSync(file('r.md'), 'utf8')).toContain(report.digest);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 30_000);

  it('writes a partial report with the words of a command that ends at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crossfade-accept-test-'));
    try {
      const report = join(folder, 'r.json');
      const dies = `"${process.execPath}" -e "console.error('no model {port}'); process.exit(7)"`;
      const { code, err } = await accept('--spawn', dies, '--report', report);
      expect(code).toBe(3);
      expect(err).toContain('no model');
      const written = JSON.parse(readFileSync(report, 'utf8')) as AcceptanceReport;
      expect(written).toMatchObject({ result: 'could-not-run', partial: true, target: { name: dies } });
      expect(written.sentence).toContain('it ended with 7');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a report path that cannot be written before it speaks, whatever the form', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crossfade-accept-test-'));
    try {
      await withServer(1_000, async (server) => {
        for (const form of ['--html', '--markdown', '--report']) {
          const missing = await accept('--target', server.url, form, join(folder, 'no/r'));
          expect(missing).toMatchObject({ code: 3, out: '' });
          expect(missing.err).toContain(`Expected ${form} to name a writable file: there is no folder`);
          expect((await accept('--target', server.url, form, folder)).err).toContain(
            'is a folder. Name a file',
          );
        }
        expect(server.queries).toEqual([]);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tells the verdict first when a report cannot be written in the end', async () => {
    // Every write to it says that the disk is full.
    const ran = await withServer(1_000, ({ url }) =>
      accept('--target', url, '--report', '/dev/full', ...oneCase, ...waivers),
    );
    expect(ran.out).toContain('Passed: every metric');
    expect(ran.err).toContain('the disk is full');
    expect(ran.code).toBe(3);
  });

  it('says one sentence and shows no table when nobody is there', async () => {
    const ran = await accept('--target', 'ws://127.0.0.1:1/v1/listen');
    expect(ran.out).not.toContain('not-measurable');
    expect(ran.err).toContain('Check the address; …/v1/listen is usual.');
    expect(ran.err).not.toContain('partial');
  });

  it.each([
    [['--target', 'ws://127.0.0.1:1'], 'ECONNREFUSED'],
    [['--target', 'ws://127.0.0.1:1', '--pipeline', 'legacy'], 'got --target and --pipeline'],
    [['--target', 'ws://127.0.0.1:1', '--engine', 'tone'], '--engine with --pipeline'],
    [['--pipeline', 'streaming', '--probe', 'speech', '--engine', 'tone'], 'Use --engine pocketsphinx'],
    [['--target', 'http://127.0.0.1'], 'ws:// or wss://'],
    [[], 'one of --target, --spawn and --pipeline, got none'],
    [['--target', 'ws://127.0.0.1:1', '--behind-gateway'], '--behind-gateway with --pipeline'],
    [['--target', 'ws://127.0.0.1:1', '--waive', 'missed-tail'], 'Expected a reason'],
    [['--target', 'ws://127.0.0.1:1', '--require', 'everything'], 'Expected --require'],
    [['--target', 'ws://127.0.0.1:1', '--query', 'language'], 'Expected --query name=value'],
    [['--spawn', 'node server.js'], '{port}'],
    [['--target', 'ws://127.0.0.1:1', '--recordings', 'no/such/folder'], 'folder of recordings'],
    [
      ['--target', 'ws://127.0.0.1:1', '--scenario', 'nope.yaml'],
      'got no such file or folder. Name a scenario',
    ],
    [['--target', 'ws://127.0.0.1:1', '--resume', '/etc/hostname'], 'got a file of that name. Name another'],
    [['--no-such-option'], 'Unknown option'],
    [['--profile', 'huge'], 'is invalid'],
  ])('exits 3 with a sentence when it could not run: %j', async (words, sentence) => {
    const { code, err } = await accept(...words);
    expect(code).toBe(3);
    expect(err).toContain(sentence);
  });
});
