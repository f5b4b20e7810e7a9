import { describe, expect, test } from 'vitest';
import type { Journal } from '../journal/journal.ts';
import {
  openStockClient,
  startTestGateway,
  type StockClient,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.fixture.ts';
import { receiptOf } from '../rollout/receipt.ts';
import { automatic, planOf, subjectIn } from '../rollout/rollout.fixture.ts';
import { rulesetOf } from '../rollout/ruleset-of.ts';
import { audioOf, type Script, textOf } from './scripted-upstream.fixture.ts';
import { startedForTests } from './started.fixture.ts';

const order = { id: 'drain-1', rollout: 'test-rollout', flag: 'pipeline', variant: 'candidate' } as const;

const { upstream, gateway } = startedForTests();

/** Control and a candidate that everybody gets. */
async function arms(control: Script = {}, candidate: Script = {}) {
  const each = { control: await upstream(control), candidate: await upstream(candidate) };
  const upstreams = [
    { name: 'control', url: each.control.url },
    { name: 'next', url: each.candidate.url },
  ];
  return { ...each, options: { upstreams, candidate: 'next' } };
}

/** A client in mid-session: its user has seen the first words. */
async function talking(test: TestGateway, extras: Readonly<Record<string, string>> = {}) {
  const client = await openStockClient(test.url(extras));
  client.send(audioOf(0, 14));
  await client.heard('w3');
  return client;
}

/** What is said of the one session there is. */
const reported = ({ drainReports }: TestGateway) => drainReports.at(-1)?.sessions[0];

/** Until its user saw something after the move. */
async function shownAgain(test: TestGateway, client: StockClient): Promise<number> {
  client.send(audioOf(14, 8));
  await client.heard('w15');
  const pauseMs = reported(test)?.pauseMs;
  expect(pauseMs).toBeGreaterThanOrEqual(0);
  return pauseMs!;
}

describe('a rollback with sessions open', () => {
  test.each(['migrate', 'cut', 'finish'] as const)(
    '%s loses and repeats nothing, and accounts for each session',
    async (policy) => {
      const control = await upstream();
      const candidate = await upstream();
      const test = await gateway({
        upstreams: [
          { name: 'control', url: control.url },
          { name: 'next', url: candidate.url },
        ],
        candidate: 'next',
        limits: { boundaryMs: 100 },
      });
      const clients = await Promise.all(Array.from({ length: 10 }, () => openStockClient(test.url())));
      for (const client of clients) client.send(audioOf(0, 14));
      await Promise.all(clients.map((client) => client.heard('w3')));
      test.gateway.applyDrains([{ ...order, policy }]);
      test.gateway.applyDrains([{ ...order, policy }]);
      for (const client of clients) {
        client.send(audioOf(14, 16));
        client.say('CloseStream');
      }
      await Promise.all(clients.map((client) => client.closed));
      for (const client of clients) expect(client.text()).toBe(textOf(0, 30));
      const expected = { migrate: 'migrated', cut: 'cut', finish: 'finished' }[policy];
      const last = test.drainReports.at(-1)!;
      expect(last.done).toBe(true);
      expect(last.sessions.map((session) => session.outcome)).toEqual(
        Array.from({ length: 10 }, () => expected),
      );
      expect(last.sessions.every((session) => session.samplesLost === 0)).toBe(true);
      for (const { duplicateEntries } of last.sessions) expect(duplicateEntries).toBe(0);
      for (const { pauseMs } of last.sessions) {
        if (policy === 'finish') expect(pauseMs).toBeUndefined();
        else expect(pauseMs).toBeGreaterThanOrEqual(0);
      }
      const record = await test.nextRecord();
      expect(record.drain).toEqual({ id: 'drain-1', policy, outcome: expected });
      // To be taken away is no fault of the candidate's.
      expect(record.pipeline).toMatchObject({ failed: false, orphans: 0 });
    },
  );

  test('reaches a gateway that was cut off until the receipt was closed, and is added to it', async () => {
    const { options } = await arms();
    const test = await gateway(options);
    const client = await talking(test);
    const plan = planOf({
      name: order.rollout,
      flag: order.flag,
      candidate: { upstream: 'next', build: 'b' },
    });
    const rollout = subjectIn('rolled-back', plan);
    expect(receiptOf(rollout.current, rollout.nowMs)?.sessions).toEqual([]);
    // What it hears first when it is back.
    test.gateway.applyDrains(rulesetOf([rollout.current], 1).drains!);
    client.send(audioOf(14, 8));
    client.say('CloseStream');
    const record = await test.nextRecord();
    const report = test.drainReports.at(-1)!;
    rollout.send({ type: 'drain-report', actor: automatic, reason: 'r', gateway: 'late', ...report });
    expect(receiptOf(rollout.current, rollout.nowMs)?.sessions).toMatchObject([
      { sessionId: record.sessionId, outcome: 'migrated', ended: true, samplesLost: 0 },
    ]);
  });

  test('says what a moved session lost at its end, though the rollback was over when all had moved', async () => {
    const control = await upstream({ keepsTail: true });
    const candidate = await upstream();
    const upstreams = [
      { name: 'control', url: control.url },
      { name: 'next', url: candidate.url },
    ];
    const test = await gateway({ upstreams, candidate: 'next', limits: { finishMs: 300 } });
    const client = await openStockClient(test.url());
    client.send(audioOf(0, 14));
    await client.heard('w7');
    test.gateway.applyDrains([{ ...order, policy: 'cut' }]);
    expect(test.drainReports.at(-1)).toMatchObject({
      done: true,
      sessions: [{ outcome: 'cut', ended: false, samplesLost: 0 }],
    });
    test.gateway.applyDrains([]);
    await control.close();
    client.send(audioOf(14, 6));
    client.say('CloseStream');
    await client.closed;
    const { user } = await test.nextRecord();
    const lost = user.samplesOffered - user.samplesCovered;
    expect(lost).toBeGreaterThan(0);
    expect(test.drainReports.at(-1)?.sessions).toMatchObject([
      { outcome: 'cut', ended: true, samplesLost: lost },
    ]);
    expect(test.gateway.stats().sessions).toBe(0);
  });
});

describe('what is known of a session that a rollback moved', () => {
  /** Moved by `migrate`; its user has seen text since. */
  async function moved(extra: Partial<TestGatewayOptions> = {}) {
    const { options, control } = await arms();
    const all = { ...options, limits: { boundaryMs: 0, finishMs: 300 }, ...extra };
    const first = await startTestGateway(all);
    const client = await talking(first, { ack: '1' });
    first.gateway.applyDrains([{ ...order, policy: 'migrate' }]);
    await expect.poll(() => reported(first)?.outcome).toBe('migrated');
    const pauseMs = await shownAgain(first, client);
    const again = () => gateway({ ...all, folder: first.folder, sessions: first.sessions });
    return { first, again, client, control, pauseMs };
  }

  test('outlives the gateway that moved it', async () => {
    const { first, again, pauseMs } = await moved();
    await first.crash();
    const second = await again();
    second.gateway.applyDrains([{ ...order, policy: 'migrate' }]);
    expect(second.drainReports).toMatchObject([{ done: true, sessions: [{ outcome: 'migrated', pauseMs }] }]);
  });

  test('is completed by its end though the gateway died after the receipt was closed', async () => {
    const { first, again, client, control } = await moved();
    first.gateway.applyDrains([]);
    client.send(audioOf(22, 2));
    await first.crash();
    const second = await again();
    second.gateway.applyDrains([]);
    await control.close();
    const resumed = await openStockClient(second.url({ ack: '1', session: client.id }));
    resumed.send(audioOf(24, 6));
    resumed.say('CloseStream');
    await resumed.closed;
    const { user } = await second.nextRecord();
    const samplesLost = user.samplesOffered - user.samplesCovered;
    expect(samplesLost).toBeGreaterThan(0);
    expect(reported(second)).toMatchObject({ outcome: 'migrated', samplesLost });
  });

  test('is a move though the note of an older gateway does not name the order', async () => {
    const older = (journal: Journal): Journal =>
      new Proxy(journal, {
        get: (target, name) => {
          if (name === 'appendNote')
            return (...[id, note]: Parameters<Journal['appendNote']>) =>
              note.kind === 'departure' || target.appendNote(id, note);
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    const { first, again } = await moved({ seenJournal: older });
    await first.crash();
    const second = await again();
    second.gateway.applyDrains([{ ...order, policy: 'migrate' }]);
    expect(reported(second)?.outcome).toBe('migrated');
  });

  test('stands when a harder order comes, and outlives the gateway under that order', async () => {
    const { first, again, pauseMs } = await moved();
    const cut = { ...order, id: 'drain-2', policy: 'cut' } as const;
    first.gateway.applyDrains([cut]);
    expect(first.drainReports.at(-1)).toMatchObject({
      done: true,
      sessions: [{ outcome: 'migrated', pauseMs }],
    });
    await first.crash();
    const second = await again();
    second.gateway.applyDrains([cut]);
    expect(reported(second)).toMatchObject({ outcome: 'migrated', pauseMs });
  });

  test('goes to a harder order also when it ended before that', async () => {
    const { options } = await arms();
    const test = await gateway(options);
    const [one, other] = [await talking(test), await talking(test)];
    test.gateway.applyDrains([{ ...order, policy: 'finish' }]);
    one.say('CloseStream');
    await one.closed;
    test.gateway.applyDrains([{ ...order, id: 'drain-2', policy: 'cut' }]);
    const outcomes = () => test.drainReports.at(-1)?.sessions.map(({ outcome }) => outcome);
    expect(outcomes()).toEqual(['finished', 'cut']);
    other.say('CloseStream');
    await other.closed;
    expect(outcomes()).toEqual(['finished', 'cut']);
  });

  test.each(['finish', 'migrate'] as const)(
    'is reported by a gateway that was killed after the order to %s, though it ends before the ruleset is there',
    async (policy) => {
      const { options } = await arms();
      const first = await startTestGateway(options);
      const client = await talking(first);
      first.gateway.applyDrains([{ ...order, policy }]);
      expect(reported(first)?.outcome).toBe('open');
      await first.crash();
      client.socket.terminate();
      const second = await gateway({ ...options, folder: first.folder, sessions: first.sessions });
      const { drain } = await second.nextRecord();
      const outcome = policy === 'finish' ? 'finished' : 'migrated';
      expect(drain).toEqual({ id: 'drain-1', policy, outcome });
      const report = { done: true, sessions: [{ outcome, ended: true }] };
      expect(second.drainReports.at(-1)).toMatchObject(report);
      second.gateway.applyDrains([{ ...order, policy }]);
      expect(second.drainReports.at(-1)).toMatchObject(report);
    },
  );
});
