import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyAfterPowerCut, FaultyFs } from './faulty-fs.fixture.ts';
import type { PowerCut } from './faulty-fs.fixture.ts';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll, until } from './journal.fixture.ts';
import type { Journal } from './journal.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-durability-'));
});
afterAll(async () => {
  await rm(base, { recursive: true, force: true });
});

type Step =
  | { readonly do: 'open' | 'close'; readonly session: number }
  | { readonly do: 'audio'; readonly session: number; readonly samples: number }
  | { readonly do: 'note'; readonly session: number; readonly length: number }
  | { readonly do: 'commit' | 'reopen' }
  | { readonly do: 'tick'; readonly ms: number }
  | {
      readonly do: 'fault';
      readonly call: 'write' | 'datasync' | 'create' | 'syncFolder';
      readonly torn: number;
    }
  | { readonly do: 'power-cut'; readonly cut: PowerCut; readonly seed: number };

const session = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), session }) },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('audio' as const),
      session,
      samples: fc.integer({ min: 1, max: 2_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('note' as const), session, length: fc.nat({ max: 6_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), session }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 150 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      call: fc.constantFrom('write' as const, 'datasync' as const, 'create' as const, 'syncFolder' as const),
      torn: fc.nat({ max: 5_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('power-cut' as const),
      cut: fc.constantFrom<PowerCut>('all-unsynced-lost', 'tail-torn', 'blocks-lost'),
      seed: fc.nat(),
    }),
  },
);

interface Expected {
  end: number;
  notes: string[];
  phase: 'open' | 'closing' | 'closed';
}

/** A journal beside a plain model of it. */
class Trial {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  disk = new FaultyFs();
  folder: string;
  journal!: Journal;
  readonly model = new Map<string, Expected>();
  /** What was acknowledged: by onDurable for audio, by commit for the rest. */
  readonly acknowledged = new Map<string, { end: number; notes: number; closed: boolean }>();
  #copies = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  async open(): Promise<void> {
    const { folder, clock, random, disk: fs } = this;
    this.journal = await openJournal({ folder, clock, random, fs, fileBytesMax: 16_384 });
    this.journal.onDurable((advanced) => {
      for (const [id, end] of advanced) this.#acknowledge(id).end = end;
    });
  }

  async run(step: Step): Promise<void> {
    const id = 'session' in step ? `s${step.session}` : '';
    const known = this.model.get(id);
    const open = known?.phase === 'open' ? known : undefined;
    if (step.do === 'open' && known === undefined) {
      this.journal.openSession({ sessionId: id, encoding: 'linear16', sampleRate: 16_000 });
      this.model.set(id, { end: 0, notes: [], phase: 'open' });
    } else if (step.do === 'audio' && open !== undefined) {
      this.journal.appendAudio(id, open.end, audioOf(id, open.end, step.samples));
      open.end += step.samples;
    } else if (step.do === 'note' && open !== undefined) {
      const json = JSON.stringify(`${open.notes.length} `.repeat(step.length / 2));
      this.journal.appendNote(id, { kind: 'final', json });
      open.notes.push(json);
    } else if (step.do === 'close' && open !== undefined) {
      this.journal.closeSession(id);
      open.phase = 'closing';
    } else if (step.do === 'commit') {
      await this.#commit();
    } else if (step.do === 'tick') {
      this.clock.advance(step.ms);
    } else if (step.do === 'fault') {
      let left = 1;
      this.disk.fault(step.call, () => (left-- > 0 ? { code: 'EIO', tornBytes: step.torn } : undefined));
    } else if (step.do === 'reopen') {
      await this.#reopen();
    } else if (step.do === 'power-cut') {
      await this.#powerCut(step.cut, step.seed);
    }
  }

  async check(): Promise<void> {
    for (const [id, expected] of this.model) {
      expect(this.journal.session(id)).toMatchObject({ endSample: expected.end, holes: [] });
      expect((await readAll(this.journal, id, 0, expected.end)).equals(audioOf(id, 0, expected.end))).toBe(
        true,
      );
      if (expected.phase === 'open') {
        expect(this.journal.session(id)?.notes.map((note) => note.json)).toEqual(expected.notes);
      }
    }
  }

  async #commit(): Promise<void> {
    const before = [...this.model].map(([id, { end, notes, phase }]) => ({
      id,
      end,
      notes: notes.length,
      phase,
    }));
    try {
      await this.journal.commit();
    } catch {
      // A fault was waiting: after the pause the journal is to come back by itself.
      await until('writable', async () => {
        this.clock.advance(20);
        await this.journal.commit().catch(() => undefined);
        return this.journal.health().writable;
      });
    }
    for (const { id, end, notes, phase } of before) {
      Object.assign(this.#acknowledge(id), { notes, closed: phase !== 'open' });
      expect(this.journal.durableSample(id)).toBe(end);
    }
  }

  async #reopen(): Promise<void> {
    this.disk.heal();
    await this.journal.close();
    for (const expected of this.model.values()) if (expected.phase === 'closing') expected.phase = 'closed';
    await this.open();
    for (const [id, { end, notes, phase }] of this.model) {
      Object.assign(this.#acknowledge(id), { end, notes: notes.length, closed: phase === 'closed' });
    }
    expect(this.journal.health().damage).toEqual([]);
    await this.check();
  }

  async #powerCut(cut: PowerCut, seed: number): Promise<void> {
    // Whatever is acknowledged while the copy is made is in it or not: the claim is what was so before.
    const claims = new Map([...this.acknowledged].map(([id, claim]) => [id, { ...claim }]));
    const to = `${this.folder}-${(this.#copies += 1)}`;
    await copyAfterPowerCut(this.disk, this.folder, to, cut, seededRandom(seed));
    this.disk.heal();
    await this.journal.close().catch(() => undefined);
    this.disk = new FaultyFs();
    this.folder = to;
    await this.open();
    this.acknowledged.clear();
    for (const [id, expected] of this.model) this.#compare(id, expected, claims.get(id));
    await this.check();
  }

  #compare(
    id: string,
    expected: Expected,
    claim: { end: number; notes: number; closed: boolean } | undefined,
  ): void {
    const found = this.journal.session(id);
    if (found === undefined) {
      expect(claim?.end ?? 0).toBe(0);
      expect(claim?.notes ?? 0).toBe(0);
      this.model.delete(id);
      return;
    }
    expect(found.endSample).toBeGreaterThanOrEqual(claim?.end ?? 0);
    expect(found.endSample).toBeLessThanOrEqual(expected.end);
    if (claim?.closed === true) expect(found.closed).toBe(true);
    expected.phase = found.closed ? 'closed' : 'open';
    expected.end = found.endSample;
    if (expected.phase === 'open') {
      expect(found.notes.length).toBeGreaterThanOrEqual(claim?.notes ?? 0);
      expected.notes.length = found.notes.length;
    }
    Object.assign(this.#acknowledge(id), {
      end: expected.end,
      notes: expected.notes.length,
      closed: found.closed,
    });
  }

  #acknowledge(id: string): { end: number; notes: number; closed: boolean } {
    let claim = this.acknowledged.get(id);
    if (claim === undefined) {
      claim = { end: 0, notes: 0, closed: false };
      this.acknowledged.set(id, claim);
    }
    return claim;
  }
}

describe('durability', () => {
  it('any sequence of appends, faults, reopens and power cuts keeps what was acknowledged, in order', async () => {
    let trials = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
        const trial = new Trial(join(base, `t${(trials += 1)}`));
        await trial.open();
        try {
          for (const one of steps) await trial.run(one);
          trial.disk.heal();
          await trial.check();
        } finally {
          await trial.journal.close();
          await rm(trial.folder, { recursive: true, force: true });
        }
      }),
      {
        numRuns: Number(process.env['JOURNAL_RUNS'] ?? 40),
        // Far longer than a trial takes: one that is not over by then hangs.
        timeout: 20_000,
        interruptAfterTimeLimit: 150_000,
        ...(process.env['JOURNAL_SEED'] === undefined ? {} : { seed: Number(process.env['JOURNAL_SEED']) }),
      },
    );
  });
});
