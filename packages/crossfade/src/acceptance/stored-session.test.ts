import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import type { Attempt, SessionRecord } from '../transcript/session-record.ts';
import { readStoredSession } from './stored-session.ts';

const attempt = (upstream: string, samplesCovered: number, build?: string): Attempt => ({
  upstream,
  ...(build === undefined ? {} : { build }),
  startSample: 0,
  samplesForwarded: 16_000,
  samplesCovered,
  end: 'closed',
  reason: '',
});
const entryOf = (upstream: string) => ({ start: 0, end: 800, text: 'bokuk', words: [], upstream });

/** What is read of a gateway that stored this record. */
async function readOf(
  attempts: readonly Attempt[],
  entries: readonly object[],
  rescuedBy: string | null = null,
): Promise<Awaited<ReturnType<typeof readStoredSession>>> {
  const made = recordOf({ id: 's', arm: 'candidate', epoch: 1, userHash: '', counts: {} });
  const record: SessionRecord = {
    ...made,
    pipeline: { ...made.pipeline, attempts },
    user: { ...made.user, rescuedBy },
  };
  const body = JSON.stringify({ state: 'ended', samplesReceived: 16_000, entries, record });
  const server = createServer((_, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await readStoredSession(`ws://127.0.0.1:${port}/v1/listen`, 's', undefined);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('the servers of a stored session', () => {
  it('are the upstreams that covered audio, with the builds they named', async () => {
    const stored = await readOf(
      [attempt('next', 0, 'b1'), attempt('next', 8_000, 'b1'), attempt('next', 8_000, 'b2')],
      [entryOf('next')],
    );
    expect(stored?.servers).toEqual([
      { upstream: 'next', build: 'b1', tookOver: false },
      { upstream: 'next', build: 'b2', tookOver: false },
    ]);
    expect(stored?.counts).toBeDefined();
  });

  it('are also who took it over: by the record for silence, by the entries after a move', async () => {
    const tookOver = { upstream: 'control', build: null, tookOver: true };
    const rescued = await readOf([attempt('next', 8_000, 'b1')], [entryOf('next')], 'control');
    expect(rescued?.servers?.at(-1)).toEqual(tookOver);
    const moved = await readOf([attempt('next', 8_000, 'b1')], [entryOf('next'), entryOf('control')]);
    expect(moved?.servers?.at(-1)).toEqual(tookOver);
    const neverThere = await readOf([attempt('next', 0)], [entryOf('control')], 'control');
    expect(neverThere?.servers).toEqual([tookOver]);
  });
});
