import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { recordOf } from '../../analysis/record.fixture.ts';
import { recordCursor } from '../../gateway/link-records.ts';
import { ScriptedServer } from '../../gateway/scripted-control-plane.fixture.ts';
import { addressFileName, tokenFileName } from '../../server/control-client.ts';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import { dataPaths } from '../data-folder.ts';
import { parseSystemConfig } from '../system-config.ts';
import type { RunningChild } from './child-main.ts';
import { startGatewayProcess } from './gateway.ts';

const dayMs = 86_400_000;
const soon = { timeout: 10_000, interval: 20 };

let dataDir: string;
let gateway: RunningChild | undefined;
let plane: ScriptedServer;

beforeEach(async () => {
  plane = new ScriptedServer(() => []);
  dataDir = await mkdtemp(join(tmpdir(), 'crossfade-keeping-'));
  await writeFile(join(dataDir, tokenFileName), 'token');
});

afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await plane.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** A gateway of a system whose control plane listens at this port, or is gone. */
async function start(controlPort: number, keepSessions?: string): Promise<void> {
  const text = JSON.stringify({
    gateway: { port: 0, ...(keepSessions === undefined ? {} : { keepSessions }) },
    pipelines: [{ name: 'legacy', kind: 'legacy', build: 'legacy-1' }],
  });
  await writeFile(join(dataDir, addressFileName), JSON.stringify({ url: `http://127.0.0.1:${controlPort}` }));
  const addresses = { host: '127.0.0.1', controlPort, gatewayPort: 0, pipelinePorts: { legacy: 1 } };
  const config = parseSystemConfig(text, 'crossfade.yaml');
  gateway = await startGatewayProcess(
    { dataDir, config, addresses, bakeClockSpeed: 1 },
    pino({ level: 'silent' }),
  );
}

/** What an earlier gateway left in the data folder, and how many of these the control plane has had. */
async function leave(daysAgo: Readonly<Record<string, number>>, sent: number): Promise<void> {
  const store = await openSqliteSessionStore({ file: dataPaths(dataDir).sessions });
  for (const [id, days] of Object.entries(daysAgo)) {
    const record = { ...recordOf({ id }), endedAtMs: systemClock.nowMs() - days * dayMs };
    const entry = { segmentId: 'g1', start: 0, end: 16_000, text: 'hello', words: [], upstream: 'legacy' };
    await store.saveSession(record, { sessionId: id, sampleRate: 16_000, entries: [entry] });
  }
  await store.saveCursor(recordCursor, sent);
  await store.close();
}

const ask = async (id: string) => {
  const answer = await fetch(`http://127.0.0.1:${gateway!.port}/sessions/${id}`);
  return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
};

const forgotten = (id: string) =>
  vi.waitFor(async () => expect(await ask(id)).toMatchObject({ status: 404, code: 'SESSION_UNKNOWN' }), soon);

test('a gateway that starts forgets sessions that ended more than 90 days ago: nobody knows their ids', async () => {
  await leave({ old: 91, young: 89 }, 2);
  await start(await plane.listen());
  await forgotten('old');
  expect(await ask('young')).toMatchObject({ status: 200, state: 'ended', text: 'hello' });
});

test('a session whose record was not sent stays, however old, and is forgotten after it was', async () => {
  await leave({ sent: 3, unsent: 3 }, 1);
  const port = await plane.listen();
  await plane.close();
  await start(port, '48h');
  await forgotten('sent');
  expect(await ask('unsent')).toMatchObject({ status: 200, state: 'ended', text: 'hello' });
  await gateway!.close();

  plane = new ScriptedServer(() => []);
  const newPort = await plane.listen();
  await start(newPort, '48h');
  const arrived = () => plane.posts.find(({ url }) => url === '/v1/session-records');
  await vi.waitFor(() => expect(arrived()?.body).toContain('"sessionId":"unsent"'), soon);
  await gateway!.close();
  await start(newPort, '48h');
  await forgotten('unsent');
});
