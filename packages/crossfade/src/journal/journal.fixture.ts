import { stat } from 'node:fs/promises';
import { systemClock } from '@crossfade/sdk/core/clock';
import type { Journal } from './journal.ts';

/** Known audio: the same session and samples always give the same bytes, and other ones other bytes. */
export function audioOf(sessionId: string, startSample: number, samples: number): Buffer {
  const bytes = Buffer.alloc(samples * 2);
  let seed = 0;
  for (const char of sessionId) seed = (seed * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  for (let i = 0; i < samples; i += 1) {
    bytes.writeUInt16LE((Math.imul(startSample + i + seed, 0x9e3779b1) >>> 16) & 0xffff, i * 2);
  }
  return bytes;
}

/** All runs joined; a gap shows as missing bytes, an overlap or a wrong order throws. */
export async function readAll(
  journal: Journal,
  sessionId: string,
  start: number,
  end: number,
  bytesPerSample = 2,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let next = start;
  for await (const run of journal.readAudio(sessionId, start, end)) {
    if (run.startSample < next) throw new Error(`run at ${run.startSample} after ${next}`);
    next = run.startSample + run.bytes.length / bytesPerSample;
    parts.push(run.bytes);
  }
  if (next > end) throw new Error(`read to ${next}, wanted ${end}`);
  return Buffer.concat(parts);
}

/** Far longer than any disk takes for one test's files. */
const untilMsMax = 30_000;

/** Lets real file calls end, under a test's clock that stands still, until something is so. */
export async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  const startMs = systemClock.monotonicMs();
  while (!(await so())) {
    if (systemClock.monotonicMs() - startMs > untilMsMax) throw new Error(`still not so: ${what}`);
    // A real call gives the loop and the disk their turn.
    await stat('.');
  }
}
