import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptRemote, hearTones, tinyProfile } from './acceptance.fixture.ts';
import type { TrialCase } from './case-result.ts';
import { type ListenBehaviour, startListenServer } from './listen-server.fixture.ts';
import { RunFolder } from './run-folder.ts';

const identity = { suite: '1', target: 't', corpusDigest: 'd' };
const trial = (id: string): TrialCase => ({
  kind: 'trial',
  id,
  scenario: 'crash-twice',
  fault: 'crash-twice',
  process: 'gateway',
  isCrash: true,
  recovered: true,
  isGone: false,
  lossMs: 1,
  outsideLossMs: 1,
  inside: null,
  failure: '',
  bad: null,
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-run-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const earlier = (build: string | null = null): string[] =>
  [...new RunFolder(folder, identity).earlier(build)].map(({ id }) => id);

describe('the folder of a run', () => {
  it('gives back what was kept, and forgets a line that a crash cut short', () => {
    const run = new RunFolder(folder, identity);
    expect([...run.earlier(null)]).toEqual([]);
    run.keep(trial('a'));
    run.keep(trial('b'));
    appendFileSync(join(folder, 'cases.jsonl'), '{"kind":"trial","id":"c');
    expect(earlier()).toEqual(['a', 'b']);
    // And the next run does not glue its first case to the torn one.
    const next = new RunFolder(folder, identity);
    expect([...next.earlier(null)]).toHaveLength(2);
    next.keep(trial('d'));
    expect(earlier()).toEqual(['a', 'b', 'd']);
  });

  it('refuses a run of another plan or another build', () => {
    expect(earlier('b1')).toEqual([]);
    expect(() => earlier('b2')).toThrow(/Remove it, or name another folder/);
    writeFileSync(join(folder, 'cases.jsonl'), '{"mine":false}\n');
    expect(() => earlier('b1')).toThrow(/of this run/);
  });

  it('begins anew after a run that was whole', () => {
    const run = new RunFolder(folder, identity);
    expect([...run.earlier(null)]).toEqual([]);
    run.keep(trial('a'));
    run.end(true);
    expect(readFileSync(join(folder, 'cases.jsonl.done'), 'utf8')).toContain('"id":"a"');
    expect(earlier()).toEqual([]);
  });

  it('lets a run that was stopped go on where it was, and its report counts every case once', async () => {
    // One for each run: a session that was being cut off may still be on its way to the first.
    const options: ListenBehaviour = { wordsOf: (_session, audio) => hearTones(audio) };
    const servers = [await startListenServer(options), await startListenServer(options)] as const;
    try {
      const stopper = new AbortController();
      const first = new RunFolder(folder, identity);
      const stopped = await acceptRemote(servers[0].url, {
        profile: { ...tinyProfile, lanes: 2 },
        store: first,
        signal: stopper.signal,
        onProgress: ({ phase, done }) => {
          if (phase === 'sessions' && done === 3) stopper.abort();
        },
      });
      first.end(!stopped.partial);
      expect(stopped).toMatchObject({ partial: true });
      expect(stopped.run.sessions).toBeGreaterThanOrEqual(2);

      const second = new RunFolder(folder, identity);
      const whole = await acceptRemote(servers[1].url, { store: second });
      second.end(!whole.partial);

      expect(whole).toMatchObject({ partial: false, run: { sessions: 8 } });
      // The first contact, and what was left.
      expect(servers[1].queries).toHaveLength(1 + 8 - stopped.run.sessions);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  }, 30_000);
});
