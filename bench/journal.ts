/**
 * What the journal costs: MB/s against raw append + fdatasync on the same disk, CPU per session-second at the pace
 * of real time, commit latency, recovery time, and memory of an hour-long session.
 *
 * npx tsx --conditions=source bench/journal.ts [--json] [--quick] [--folder DIR]
 *
 * Rounds of the two sides alternate and the median of their ratios counts: neighbours on the machine move absolute
 * figures by a factor of ten.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { openJournal } from '../packages/crossfade/src/journal/file-journal.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
  },
});
const base = fs.mkdtempSync(join(flags.folder, 'bench-journal-'));
const roundsMax = flags.quick ? 3 : 7;
const now = () => systemClock.monotonicMs();
const say = (line: string) => flags.json || process.stdout.write(`${line}\n`);
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** A folder that is gone afterwards. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(join(base, 'run-'));
  try {
    return await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const sessionIds = (count: number) => Array.from({ length: count }, (_, index) => `session-${index}`);
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Bytes of audio per flush in the throughput rounds: 100 ms of 1,000 sessions. */
const flushBytes = 3_200_000;

async function rawMbPerSecond(totalBytes: number): Promise<number> {
  return inFolder(async (folder) => {
    const fd = fs.openSync(join(folder, 'raw'), 'w');
    const block = Buffer.alloc(flushBytes, 7);
    const startMs = now();
    for (let written = 0; written < totalBytes; written += block.length) {
      await new Promise<void>((resolve, reject) =>
        fs.writev(fd, [block], (e) => (e ? reject(e) : resolve())),
      );
      await new Promise<void>((resolve, reject) => fs.fdatasync(fd, (e) => (e ? reject(e) : resolve())));
    }
    const elapsedMs = now() - startMs;
    fs.closeSync(fd);
    return totalBytes / 1_000 / elapsedMs;
  });
}

async function journalMbPerSecond(totalBytes: number, frameBytes: number): Promise<number> {
  return inFolder(async (folder) => {
    const journal = await openJournal({ folder, clock: systemClock, commitIntervalMs: 1 });
    const ids = sessionIds(100);
    for (const sessionId of ids) journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
    await journal.commit();
    const frame = Buffer.alloc(frameBytes, 7);
    const startMs = now();
    let appended = 0;
    let sample = 0;
    let last: Promise<void> = Promise.resolve();
    while (appended < totalBytes) {
      for (let block = 0; block < flushBytes && appended < totalBytes;) {
        for (const id of ids) journal.appendAudio(id, sample, frame);
        sample += frameBytes / 2;
        block += frameBytes * ids.length;
        appended += frameBytes * ids.length;
      }
      last = journal.commit();
      // One block may wait while the next is encoded, as between a socket and the disk.
      if (journal.health().pendingBytes > 4 * flushBytes) await last;
      else await tick();
    }
    await last;
    const elapsedMs = now() - startMs;
    await journal.close();
    return appended / 1_000 / elapsedMs;
  });
}

interface Paced {
  readonly sessions: number;
  readonly frameMs: number;
  readonly cpuUsPerSessionSecond: number;
  /** The same when each session has a final every two seconds that a client waits for. */
  readonly cpuUsWithFinals: number;
  /** From a final's note to the moment it would survive SIGKILL. */
  readonly writtenMsP50: number;
  readonly writtenMsP99: number;
  readonly commitMsP50: number;
  readonly commitMsP99: number;
  readonly windowMsP50: number;
  readonly windowMsP99: number;
}

const finalEveryMs = 2_000;
const finalNote = { kind: 'final', json: JSON.stringify({ text: 'a few words that somebody said' }) };

/** Sessions at the pace of real time. `work`: the generator alone, to be taken off; with a journal; with finals too. */
async function pacedCpuUs(
  sessions: number,
  frameMs: number,
  seconds: number,
  work: 'none' | 'audio' | 'finals',
): Promise<{
  cpuUs: number;
  commitMs: readonly number[];
  windowMs: readonly number[];
  writtenMs: readonly number[];
}> {
  const withJournal = work !== 'none';
  return inFolder(async (folder) => {
    const journal = await openJournal({ folder, clock: systemClock });
    const ids = sessionIds(sessions);
    const frame = Buffer.alloc(frameMs * 32, 7);
    const samples = frame.length / 2;
    const windowMs: number[] = [];
    const writtenMs: number[] = [];
    const sayFinal = async (id: string): Promise<void> => {
      const saidMs = now();
      journal.appendNote(id, finalNote);
      await journal.written();
      writtenMs.push(now() - saidMs);
    };
    /** When each frame number was appended, to know the age of what a commit covers. */
    const appendedAtMs: number[] = [];
    if (withJournal) {
      for (const sessionId of ids)
        journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
      await journal.commit();
      let covered = 0;
      journal.onDurable((advanced) => {
        const end = advanced.get('session-0');
        if (end === undefined) return;
        windowMs.push(now() - (appendedAtMs[covered] ?? now()));
        covered = end / samples;
      });
    }
    const cpu = process.cpuUsage();
    const startMs = now();
    let sink = 0;
    for (let number = 0; number < (seconds * 1_000) / frameMs; number += 1) {
      // Spread over the frame in five parts, as arrivals are.
      for (let part = 0; part < 5; part += 1) {
        const dueMs = startMs + number * frameMs + (part * frameMs) / 5;
        const waitMs = dueMs - now();
        if (waitMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, waitMs));
        if (part === 0) appendedAtMs[number] = now();
        for (let index = part; index < ids.length; index += 5) {
          const id = ids[index] ?? '';
          if (withJournal) journal.appendAudio(id, number * samples, frame);
          else sink += frame.length;
          const isDue = (number * frameMs + index * 37) % finalEveryMs < frameMs;
          if (work === 'finals' && isDue) void sayFinal(id);
        }
      }
    }
    if (withJournal) await journal.commit();
    const { user, system } = process.cpuUsage(cpu);
    const { commitMs } = journal.health();
    await journal.close();
    return { cpuUs: sink < 0 ? 0 : user + system, commitMs, windowMs, writtenMs };
  });
}

async function paced(sessions: number, frameMs: number, seconds: number): Promise<Paced> {
  const alone = await pacedCpuUs(sessions, frameMs, seconds, 'none');
  const full = await pacedCpuUs(sessions, frameMs, seconds, 'audio');
  const spoken = await pacedCpuUs(sessions, frameMs, seconds, 'finals');
  const perSessionSecond = ({ cpuUs }: { readonly cpuUs: number }): number =>
    round((cpuUs - alone.cpuUs) / sessions / seconds, 1);
  return {
    sessions,
    frameMs,
    cpuUsPerSessionSecond: perSessionSecond(full),
    cpuUsWithFinals: perSessionSecond(spoken),
    writtenMsP50: round(quantile(spoken.writtenMs, 0.5)),
    writtenMsP99: round(quantile(spoken.writtenMs, 0.99)),
    commitMsP50: round(quantile(full.commitMs, 0.5)),
    commitMsP99: round(quantile(full.commitMs, 0.99)),
    windowMsP50: round(quantile(full.windowMs, 0.5), 0),
    windowMsP99: round(quantile(full.windowMs, 0.99), 0),
  };
}

/** Opens a folder as SIGKILL left it, with so many sessions open. */
async function recoveryMs(sessions: number, secondsEach: number): Promise<{ ms: number; mb: number }> {
  return inFolder(async (folder) => {
    const crashed = join(folder, 'crashed');
    const journal = await openJournal({ folder: join(folder, 'live'), clock: systemClock });
    const ids = sessionIds(sessions);
    const frame = Buffer.alloc(3_200, 7);
    for (const sessionId of ids) journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
    for (let number = 0; number < secondsEach * 10; number += 1) {
      for (const id of ids) journal.appendAudio(id, number * 1_600, frame);
      for (const id of number % 10 === 0 ? ids : [])
        journal.appendNote(id, { kind: 'final', json: '{"text":"a few words"}' });
      await journal.commit();
    }
    fs.cpSync(join(folder, 'live'), crashed, {
      recursive: true,
      filter: (path) => !path.includes('writer.'),
    });
    await journal.close();
    const startMs = now();
    const again = await openJournal({ folder: crashed, clock: systemClock });
    const ms = now() - startMs;
    if (again.unfinished().length !== sessions)
      throw new Error(`${again.unfinished().length} of ${sessions} found`);
    const mb = again.health().bytes / 1e6;
    await again.close();
    return { ms: round(ms, 0), mb: round(mb, 0) };
  });
}

/** Heap that an hour of 20 ms frames of one session costs, while its file is written and once it is full. */
async function hourMemory(): Promise<{ writingMb: number; fullMb: number }> {
  return inFolder(async (folder) => {
    const gc = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
    const journal = await openJournal({ folder, clock: systemClock });
    journal.openSession({ sessionId: 's', encoding: 'mulaw', sampleRate: 8_000 });
    journal.openSession({ sessionId: 'other', encoding: 'mulaw', sampleRate: 8_000 });
    await journal.commit();
    const heap = () => {
      gc();
      return process.memoryUsage().heapUsed / 1e6;
    };
    const before = heap();
    const frame = Buffer.alloc(160);
    for (let number = 0; number < 180_000; number += 1) {
      journal.appendAudio('s', number * 160, frame);
      // Another session in between, so that frames are not joined.
      if (number % 2 === 0) journal.appendAudio('other', (number / 2) * 160, frame);
      else journal.appendNote('other', { kind: 'n', json: '0' });
      if (number % 2_000 === 1_999) await journal.commit();
    }
    journal.closeSession('other');
    await journal.commit();
    const writingMb = heap() - before;
    await journal.close();
    const again = await openJournal({ folder, clock: systemClock });
    const fullMb = heap() - before;
    await again.close();
    return { writingMb: round(writingMb, 1), fullMb: round(fullMb, 1) };
  });
}

try {
  const totalBytes = flags.quick ? 64e6 : 256e6;
  const ratios: Record<string, { ratio: number; journalMbPerSecond: number; rawMbPerSecond: number }> = {};
  for (const frameBytes of [3_200, 640]) {
    const rounds: { ratio: number; journal: number; raw: number }[] = [];
    for (let number = 0; number < roundsMax; number += 1) {
      const raw = await rawMbPerSecond(totalBytes);
      const journal = await journalMbPerSecond(totalBytes, frameBytes);
      rounds.push({ ratio: journal / raw, journal, raw });
    }
    const middle = rounds.sort((a, b) => a.ratio - b.ratio)[Math.floor(rounds.length / 2)];
    const name = frameBytes === 3_200 ? 'frames100ms' : 'frames20ms';
    ratios[name] = {
      ratio: round(middle?.ratio ?? 0),
      journalMbPerSecond: round(middle?.journal ?? 0, 0),
      rawMbPerSecond: round(middle?.raw ?? 0, 0),
    };
    say(`${name}: ${JSON.stringify(ratios[name])}`);
  }
  const seconds = flags.quick ? 3 : 10;
  const pace: Paced[] = [];
  for (const [sessions, frameMs] of [
    [400, 20],
    [1_000, 100],
  ] as const) {
    const result = await paced(sessions, frameMs, seconds);
    pace.push(result);
    say(`paced: ${JSON.stringify(result)}`);
  }
  const recovery: Record<string, { ms: number; mb: number }> = {};
  for (const sessions of [200, 2_000]) {
    recovery[String(sessions)] = await recoveryMs(sessions, 5);
    say(`recovery of ${sessions} open sessions: ${JSON.stringify(recovery[String(sessions)])}`);
  }
  const memory = await hourMemory();
  say(`memory of an hour in 20 ms frames (needs node --expose-gc): ${JSON.stringify(memory)}`);
  if (flags.json)
    process.stdout.write(`${JSON.stringify({ throughput: ratios, paced: pace, recovery, memory })}\n`);
} finally {
  fs.rmSync(base, { recursive: true, force: true });
}
