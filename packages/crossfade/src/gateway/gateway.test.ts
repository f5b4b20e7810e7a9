import { describe, expect, test } from 'vitest';
import { openStockClient, startTestGateway } from './gateway.fixture.ts';
import { audioOf, type Script, textOf } from './scripted-upstream.fixture.ts';
import { startedForTests } from './started.fixture.ts';

const { upstream, gateway } = startedForTests();

/** Streams `words` words in 100 ms frames and says goodbye. */
async function talk(
  url: string,
  words: number,
): Promise<{ text: string; code: number; messages: readonly Record<string, unknown>[] }> {
  const client = await openStockClient(url);
  for (let word = 0; word < words; word += 2) client.send(audioOf(word, Math.min(2, words - word)));
  client.say('CloseStream');
  const { code } = await client.closed;
  return { text: client.text(), code, messages: client.messages };
}

describe('a healthy upstream', () => {
  test('a stock client gets partials, the whole transcript, Metadata, and close 1000', async () => {
    const control = await upstream();
    const { url, nextRecord, signals } = await gateway({
      upstreams: [{ name: 'control', url: control.url }],
    });
    const { text, code, messages } = await talk(url(), 30);
    expect(text).toBe(textOf(0, 30));
    expect(code).toBe(1000);
    expect(messages.some((message) => message['is_final'] === false)).toBe(true);
    expect(messages.at(-1)).toMatchObject({ type: 'Metadata', duration: 1.5, channels: 1 });
    const record = await nextRecord();
    expect(signals).toMatchObject([{ kind: 'started', sessionId: record.sessionId, arm: 'control' }]);
    expect(record).toMatchObject({
      end: 'closed-by-client',
      assignment: { arm: 'control', upstream: 'control', rollout: { name: 'test-rollout', epoch: 1 } },
      pipeline: {
        samplesOffered: 24_000,
        samplesCovered: 24_000,
        orphans: 0,
        duplicateEntries: 0,
        failed: false,
        missedTailMs: 0,
      },
      user: {
        samplesOffered: 24_000,
        samplesCovered: 24_000,
        samplesDurable: 24_000,
        faults: 0,
        rescuedBy: null,
      },
    });
  });

  test('an upstream gets its own query, headers and key, and nothing that is for the gateway', async () => {
    const control = await upstream();
    const headers = { Authorization: 'Token theirs', 'x-tenant': 'ours' };
    const { url } = await gateway({
      upstreams: [{ name: 'control', url: control.url, query: { model: 'theirs' }, headers }],
    });
    await talk(url({ targetingKey: 'user-1', ack: '0' }), 4);
    expect(control.connections[0]!.url).not.toContain('extra');
    expect(control.connections[0]!.url).toContain('model=theirs');
    expect(control.connections[0]!.headers).toMatchObject({
      authorization: 'Token theirs',
      'x-tenant': 'ours',
    });
  });

  test('Finalize is passed on after the audio before it', async () => {
    const control = await upstream({ wordsPerFinal: 100 });
    const { url } = await gateway({ upstreams: [{ name: 'control', url: control.url }] });
    const client = await openStockClient(url());
    client.send(audioOf(0, 6));
    client.say('Finalize');
    await client.heard('w5');
    expect(client.text()).toBe(textOf(0, 6));
    client.say('CloseStream');
    await client.closed;
  });
});

describe('an upstream that fails', () => {
  const faults: readonly [string, Script, Partial<{ deaths: number; stalls: number; refusals: number }>][] = [
    ['dies mid-speech', { fault: (n) => (n === 0 ? { kind: 'die', atSample: 9_000 } : null) }, { deaths: 1 }],
    [
      'closes cleanly mid-speech',
      { fault: (n) => (n === 0 ? { kind: 'close', atSample: 9_000 } : null) },
      { deaths: 1 },
    ],
    ['refuses twice', { fault: (n) => (n < 2 ? { kind: 'refuse' } : null) }, { refusals: 2 }],
    ['stalls', { fault: (n) => (n === 0 ? { kind: 'stall', atSample: 9_000 } : null) }, { stalls: 1 }],
    ['talks nonsense', { fault: (n) => (n === 0 ? { kind: 'nonsense' } : null) }, {}],
    [
      'skips audio once',
      { fault: (n) => (n === 0 ? { kind: 'skip', atSample: 8_000, samples: 1_600 } : null) },
      {},
    ],
    [
      'dies, and dies again while it replays',
      { fault: (n) => (n < 2 ? { kind: 'die', atSample: 7_000 } : null) },
      { deaths: 2 },
    ],
    [
      'answers late, and dies with answers on their way',
      { fault: (n) => (n === 0 ? { kind: 'late', atSample: 20_000, delayMs: 60 } : null) },
      { deaths: 1 },
    ],
    [
      'begins its clock anew in mid-stream',
      { fault: (n) => (n === 0 ? { kind: 'reset-clock', atSample: 9_000 } : null) },
      {},
    ],
    [
      'dies, and takes the replay no faster than 1.25 times real time',
      {
        fault: (n) =>
          n === 0 ? { kind: 'die', atSample: 16_000 } : n === 1 ? { kind: 'throttle', pace: 1.25 } : null,
      },
      { deaths: 1, stalls: 0 },
    ],
  ];

  test.each(faults)(
    'that %s costs the client nothing, and its ledger an error',
    async (_, script, counts) => {
      const control = await upstream(script);
      const { url, nextRecord } = await gateway({
        upstreams: [{ name: 'control', url: control.url }],
        // Short where a stall must be found; a busy machine is silent for as long.
        limits: counts.stalls === 1 ? { stallMs: 400 } : {},
      });
      const { text, code } = await talk(url(), 40);
      expect({ text, code }).toEqual({ text: textOf(0, 40), code: 1000 });
      const { pipeline, user } = await nextRecord();
      expect(pipeline).toMatchObject({ failed: true, ...counts });
      expect(user).toMatchObject({
        samplesOffered: 32_000,
        samplesCovered: 32_000,
        orphans: 0,
        duplicateEntries: 0,
      });
      expect(user.faultsRecovered).toBe(user.faults);
      expect(user.faults).toBeGreaterThan(0);
    },
  );

  test('a final said twice is shown once, and counts against the pipeline', async () => {
    const control = await upstream({ fault: () => ({ kind: 'repeat' }) });
    const { url, nextRecord } = await gateway({ upstreams: [{ name: 'control', url: control.url }] });
    const { text } = await talk(url(), 20);
    expect(text).toBe(textOf(0, 20));
    const { pipeline, user } = await nextRecord();
    expect(pipeline.duplicateEntries).toBeGreaterThan(0);
    expect(user.duplicateEntries).toBe(0);
  });

  test('a pipeline that keeps its tail is asked again with silence after it', async () => {
    const control = await upstream({ keepsTail: true, wordsPerFinal: 8 });
    const { url, nextRecord } = await gateway({ upstreams: [{ name: 'control', url: control.url }] });
    const { text } = await talk(url(), 21);
    expect(text).toBe(textOf(0, 21));
    const { pipeline, user } = await nextRecord();
    expect(pipeline.missedTailMs).toBeGreaterThan(0);
    expect(pipeline.failed).toBe(true);
    expect(user).toMatchObject({ missedTailMs: 0, samplesCovered: 21 * 800 });
  });

  test('a tail that is refused now and then still gets its silence', async () => {
    const control = await upstream({
      keepsTail: true,
      wordsPerFinal: 8,
      fault: (connection) => (connection % 2 === 1 ? { kind: 'refuse' } : null),
    });
    const { url, nextRecord } = await gateway({ upstreams: [{ name: 'control', url: control.url }] });
    const { text } = await talk(url(), 21);
    expect(text).toBe(textOf(0, 21));
    expect((await nextRecord()).user).toMatchObject({ missedTailMs: 0, samplesCovered: 21 * 800 });
  });
});

describe('a candidate that fails', () => {
  test('is replaced by control after its retries, and what control did is not in its ledger', async () => {
    const control = await upstream();
    const candidate = await upstream({ fault: () => ({ kind: 'die', atSample: 5_000 }) });
    const { url, nextRecord } = await gateway({
      upstreams: [
        { name: 'control', url: control.url },
        { name: 'next', url: candidate.url },
      ],
      candidate: 'next',
      limits: { retriesMax: 1 },
    });
    const { text } = await talk(url(), 40);
    expect(text).toBe(textOf(0, 40));
    const { assignment, pipeline, user } = await nextRecord();
    expect(assignment.arm).toBe('candidate');
    expect(user).toMatchObject({ rescuedBy: 'control', samplesCovered: 32_000 });
    expect(pipeline.failed).toBe(true);
    expect(pipeline.samplesCovered).toBeLessThan(32_000);
    expect(pipeline.attempts.every((attempt) => attempt.upstream === 'next')).toBe(true);
  });

  test('that skips audio is replaced at once', async () => {
    const control = await upstream();
    const candidate = await upstream({ fault: () => ({ kind: 'skip', atSample: 8_000, samples: 800 }) });
    const { url, nextRecord } = await gateway({
      upstreams: [
        { name: 'control', url: control.url },
        { name: 'next', url: candidate.url },
      ],
      candidate: 'next',
    });
    const { text } = await talk(url(), 40);
    expect(text).toBe(textOf(0, 40));
    const { pipeline } = await nextRecord();
    expect(pipeline.attempts.map((attempt) => attempt.end)).toEqual(['broke-protocol']);
    expect(pipeline.samplesCovered).toBeLessThan(pipeline.samplesOffered);
  });
});

describe('a gateway that dies', () => {
  test('finishes a stock client’s session from the journal, exactly once', async () => {
    const control = await upstream();
    const upstreams = [{ name: 'control', url: control.url }];
    const first = await startTestGateway({ upstreams });
    const client = await openStockClient(first.url());
    client.send(audioOf(0, 30));
    await client.heard('w7');
    await first.crash();
    const second = await gateway({ upstreams, folder: first.folder, sessions: first.sessions });
    const record = await second.nextRecord();
    expect(record).toMatchObject({ end: 'recovered', gatewayRestarts: 1 });
    expect(record.user).toMatchObject({
      samplesOffered: 24_000,
      samplesCovered: 24_000,
      duplicateEntries: 0,
      faults: 1,
      faultsRecovered: 1,
    });
    const transcript = await second.sessions.transcript(record.sessionId);
    expect(transcript!.entries.map((entry) => entry.text).join(' ')).toBe(textOf(0, 30));
    await second.crash();
    const third = await gateway({ upstreams, folder: first.folder, sessions: first.sessions });
    expect(third.gateway.stats()).toMatchObject({ sessions: 0, recovering: 0 });
    expect(await first.sessions.records()).toHaveLength(1);
  });
});
