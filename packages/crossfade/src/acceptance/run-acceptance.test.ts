import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { acceptRemote, hearTones, metricOf, tinyProfile } from './acceptance.fixture.ts';
import {
  type ListenBehaviour,
  type ListenServer,
  resultsText,
  startListenServer,
} from './listen-server.fixture.ts';
import { SpeechProbe, type Voice } from './speech-probe.ts';
import { isIntact, reportSchema } from './report.ts';

type Cleanup = (close: () => Promise<void>) => void;

/** Each test has a server of its own and they all run at once: real time is what these tests are made of. */
async function start(atEnd: Cleanup, behaviour: ListenBehaviour): Promise<ListenServer> {
  const server = await startListenServer(behaviour);
  atEnd(() => server.close());
  return server;
}

async function serve(atEnd: Cleanup, behaviour: ListenBehaviour): Promise<string> {
  return (await start(atEnd, behaviour)).url;
}

const honest: ListenBehaviour = { wordsOf: (_session, audio) => hearTones(audio) };

/** A control run of two sentences that nobody can hear. */
function twoSilentSentences(): SpeechProbe {
  const speak: Voice['speak'] = (text) => ({
    samples: new Int16Array(8_000),
    words: [{ text, start: 0, end: 8_000 }],
  });
  return new SpeechProbe([{ name: 'test', sampleRate: 16_000, speak }], ['hello', 'goodbye']);
}

describe.concurrent('a server that shares no code with ours', () => {
  it('passes when it hears everything, and its report says what was tested', async ({ onTestFinished }) => {
    const server = await start(onTestFinished, honest);
    const report = await acceptRemote(server.url);
    expect(report.metrics.map(({ id, result }) => [id, result])).toEqual([
      ['capture-completeness', 'within-limits'],
      ['orphan-rate', 'not-measurable'],
      ['finalization-latency', 'not-measurable'],
      ['stop-latency', 'within-limits'],
      ['missed-tail', 'within-limits'],
      ['recovery-success', 'not-measurable'],
      ['duplicate-artifacts', 'within-limits'],
      ['durability-loss', 'not-measurable'],
    ]);
    expect(metricOf(report, 'capture-completeness').value).toBe(1);
    expect(metricOf(report, 'missed-tail').value).toBe(0);
    // It shows no partials and no finals of an open stream: that is missing evidence, not a pass.
    expect(report.result).toBe('evidence-missing');
    expect(metricOf(report, 'durability-loss').waiver).toBe('nobody may kill it');
    expect(reportSchema.parse(report)).toEqual(report);
    expect(isIntact(report)).toBe(true);
    expect(isIntact({ ...report, result: 'passed' })).toBe(false);
    expect(server.queries[0]).toContain('interim_results=true');
  });

  it('fails by the exact audio when it cuts 300 ms of each tail and still declares it covered', async ({
    onTestFinished,
  }) => {
    const report = await acceptRemote(
      await serve(onTestFinished, {
        wordsOf: (_session, audio) => hearTones(audio.subarray(0, audio.length - 4_800)),
      }),
    );
    expect(report.result).toBe('failed');
    expect(metricOf(report, 'missed-tail')).toMatchObject({ result: 'failed' });
    expect(metricOf(report, 'missed-tail').value).toBeGreaterThanOrEqual(300);
    expect(metricOf(report, 'missed-tail').value).toBeLessThan(300 + 180);
    expect(metricOf(report, 'capture-completeness').result).toBe('failed');
    expect(report.worst[0]?.lost.length).toBeGreaterThan(0);
  });

  it('cannot prove anything when it hears no tones, and says what it declares', async ({
    onTestFinished,
  }) => {
    const report = await acceptRemote(await serve(onTestFinished, { wordsOf: () => [] }));
    const capture = metricOf(report, 'capture-completeness');
    expect(capture.result).toBe('not-measurable');
    expect(capture.sentence).toContain('no probe word came back');
    expect(capture.sentence).toContain('declared by the ranges of its finals: 100 %');
    // A final of nothing comes at once.
    expect(metricOf(report, 'stop-latency')).toMatchObject({
      result: 'not-measurable',
      sentence: expect.stringContaining('the target gave no word at all'),
    });
    expect(report.result).toBe('evidence-missing');
  });

  it('names the build it was told of, and what a browser showed', async ({ onTestFinished }) => {
    const url = await serve(onTestFinished, { ...honest, build: 'sha256:1' });
    const seen: number[] = [];
    const report = await acceptRemote(url, {
      build: 'sha256:1',
      render: (sessions) => {
        seen.push(...sessions.map((texts) => texts.length));
        const counts = sessions.map((texts) => ({ shown: texts.length, duplicates: 0 }));
        return Promise.resolve({ browser: 'Chromium 1', counts });
      },
    });
    expect(report.target.build).toBe('sha256:1');
    const { sessions } = report.run;
    expect(report.servedBy).toEqual([{ upstream: null, build: 'sha256:1', sessions, tookOver: 0 }]);
    expect(seen.length).toBe(report.run.sessions);
    expect(report.rendered).toMatchObject({ browser: 'Chromium 1', sessions: seen.length, disagreeing: 0 });
    expect(metricOf(report, 'duplicate-artifacts').observer).toContain(
      'sessions also shown in Chromium 1, which counts the same',
    );
  });

  it('fails where a browser shows other entries than the view counts', async ({ onTestFinished }) => {
    const report = await acceptRemote(await serve(onTestFinished, honest), {
      render: (sessions) =>
        Promise.resolve({ browser: 'Chromium 1', counts: sessions.map(() => ({ shown: 9, duplicates: 1 })) }),
    });
    expect(metricOf(report, 'duplicate-artifacts')).toMatchObject({
      result: 'failed',
      sentence: expect.stringContaining('Chromium 1 showed other entries'),
    });
  });

  it('says so when no browser showed anything', async ({ onTestFinished }) => {
    const report = await acceptRemote(await serve(onTestFinished, honest), {
      render: () => Promise.resolve({ browser: null, why: 'Expected a browser, found none.' }),
    });
    expect(metricOf(report, 'duplicate-artifacts')).toMatchObject({
      result: 'within-limits',
      observer: expect.stringContaining('by the reducer alone (Expected a browser, found none)'),
    });
  });

  it('fails on an entry that comes twice', async ({ onTestFinished }) => {
    const report = await acceptRemote(
      await serve(onTestFinished, {
        ...honest,
        onStop: (socket, finals) => {
          for (const final of [...finals, ...finals]) socket.send(final);
          socket.send('{"type":"Metadata"}');
          socket.close(1000);
        },
      }),
    );
    expect(metricOf(report, 'duplicate-artifacts')).toMatchObject({ result: 'failed', value: 5_000 });
  });

  it('runs one case alone, with the same audio as in the whole run', async ({ onTestFinished }) => {
    const report = await acceptRemote(await serve(onTestFinished, honest), { caseId: 'tiny-turn-3' });
    expect(report.run).toMatchObject({ sessions: 1, case: 'tiny-turn-3' });
    await expect(acceptRemote('ws://127.0.0.1:1', { caseId: 'tiny-turn-99' })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  it('is scored by what makes sense, whatever order, overlap or range its finals have', async ({
    onTestFinished,
  }) => {
    const report = await acceptRemote(
      await serve(onTestFinished, {
        onStop: (socket) => {
          const word = { word: 'bokuk', start: 900, end: 901 };
          socket.send(resultsText(2, 1, [word]));
          socket.send(resultsText(0, 1.5, []));
          socket.send(resultsText(1, 1.5, [word]));
          socket.send(resultsText(9_000, 0, [word]));
          socket.send('{"type":"Metadata"}');
          socket.close(1000);
        },
      }),
    );
    expect(['failed', 'evidence-missing']).toContain(report.result);
    expect(reportSchema.safeParse(report).success).toBe(true);
  });
});

describe.concurrent('a target that cannot be tested', () => {
  it('is said so when it is another build than the one to be tested', async ({ onTestFinished }) => {
    const url = await serve(onTestFinished, { ...honest, build: 'b1' });
    const report = await acceptRemote(url, { build: 'b2' });
    expect(report).toMatchObject({ result: 'could-not-run', target: { build: 'b1' } });
    expect(report.sentence).toContain('Expected build b2, the target says it is b1');
  });

  it('is said so when nobody is there', async () => {
    const report = await acceptRemote('ws://127.0.0.1:1/v1/listen');
    expect(report).toMatchObject({ result: 'could-not-run', partial: true });
    expect(report.sentence).toMatch(/ECONNREFUSED.*[^.][.] Check the address; …\/v1\/listen is usual[.]$/);
    expect(report.metrics.every(({ result }) => result === 'not-measurable')).toBe(true);
  });

  it('is said so when the key is wrong', async ({ onTestFinished }) => {
    const report = await acceptRemote(await serve(onTestFinished, { status: 401 }));
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('HTTP 401: INVALID_AUTH. Check the key');
  });

  it.each([404, 200])('is said so, with a remedy, when it answers %s to the path', async (status) => {
    const server = await startListenServer({ status, refusal: 'Expected /v1/listen, got /v2/listen.' });
    try {
      const { sentence } = await acceptRemote(server.url);
      expect(sentence).toContain(`HTTP ${status}: Expected /v1/listen, got /v2/listen. Check the address;`);
      expect(sentence).not.toMatch(/[.]{2}/);
    } finally {
      await server.close();
    }
  });

  it('is said so after the control run when it hears no word of it, not after all sessions', async ({
    onTestFinished,
  }) => {
    const probe = twoSilentSentences();
    const report = await acceptRemote(await serve(onTestFinished, { wordsOf: () => [] }), { probe });
    expect(report).toMatchObject({ result: 'could-not-run', partial: true, run: { sessions: 0 } });
    expect(report.sentence).toContain('the control run heard no word of 2. Check that the target recognizes');
  });

  it("is said so when a session of the control run broke: what it did not hear is nobody else's error", async ({
    onTestFinished,
  }) => {
    const probe = twoSilentSentences();
    let sessions = 0;
    const url = await serve(onTestFinished, {
      onStop: (socket) => {
        sessions += 1;
        if (sessions === 1) socket.send('{"type":"Metadata"}');
        socket.close(sessions === 1 ? 1000 : 1011);
      },
    });
    const report = await acceptRemote(url, { probe });
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('a session of the control run broke: The connection closed with 1011');
  });

  it('is said so when it speaks another protocol', async ({ onTestFinished }) => {
    const report = await acceptRemote(
      await serve(onTestFinished, { onAudio: (socket) => socket.send('hello') }),
    );
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('Expected JSON text, got "hello"');
  });

  it('is said so when it takes audio and never answers, and the wait has an end', async ({
    onTestFinished,
  }) => {
    const report = await acceptRemote(await serve(onTestFinished, { onStop: () => undefined }), {
      profile: { ...tinyProfile, limitMs: 6_000 },
    });
    expect(report).toMatchObject({ result: 'could-not-run', partial: true });
    expect(report.run.tookMs).toBeLessThan(9_000);
  });

  it('cannot fill the memory with a final of 50 MB', async ({ onTestFinished }) => {
    const report = await acceptRemote(
      await serve(onTestFinished, { onStop: (socket) => socket.send('x'.repeat(50_000_000)) }),
    );
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('Max payload size exceeded');
  });

  it.each([
    ['a mail server', (socket: Socket) => void socket.write('220 mail.example.com ESMTP\r\n')],
    ['one that hangs up', (socket: Socket) => void socket.destroy()],
    ['one that answers without end', (socket: Socket) => void socket.write('x'.repeat(1_000_000))],
    ['one that says nothing', () => undefined],
  ])('is said so when it is no WebSocket server but %s', async (_, answer) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      answer(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const report = await acceptRemote(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/listen`);
      expect(report).toMatchObject({ result: 'could-not-run', partial: true });
      expect(report.sentence).toContain('Expected a WebSocket server, got');
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it.each([
    [
      'pings whose answers it never reads',
      (socket: WebSocket) => socket.ping('x'.repeat(125)),
      /closed with 1006|frames without a text/,
    ],
    [
      'notes that carry no text',
      (socket: WebSocket) => socket.send('{"type":"Note"}'),
      /5000 frames without a text/,
    ],
  ])('cannot fill the memory with %s', async (_, flood, sentence) => {
    const server = await startListenServer({
      onAudio: (socket) => {
        socket.pause();
        for (let i = 0; i < 6_000; i++) flood(socket);
      },
    });
    try {
      const report = await acceptRemote(server.url);
      expect(report.result).toBe('could-not-run');
      expect(report.sentence).toMatch(sentence);
    } finally {
      await server.close();
    }
  });

  it('cannot hang the run with partials without end', async ({ onTestFinished }) => {
    const flood = resultsText(0, 1, [], false);
    const report = await acceptRemote(
      await serve(onTestFinished, {
        onAudio: (socket) => {
          for (let i = 0; i < 400; i++) socket.send(flood);
        },
      }),
    );
    expect(report.result).toBe('could-not-run');
    expect(report.sentence).toContain('got more');
  });
});
