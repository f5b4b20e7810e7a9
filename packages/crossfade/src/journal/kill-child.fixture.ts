/**
 * A process to be killed: writes sessions at the pace of real time until it dies, and keeps a tally outside the
 * journal, in a file that the kernel has as soon as the call returns.
 */
import { openSync, writeSync } from 'node:fs';
import { systemClock } from '@crossfade/sdk/core/clock';
import { openJournal } from './file-journal.ts';
import { audioOf } from './journal.fixture.ts';

const [folder = '', tallyPath = '', sessionsText = '1'] = process.argv.slice(2);
const sessions = Number(sessionsText);
const frameSamples = 320;
const frameMs = 20;

const journal = await openJournal({ folder, clock: systemClock });
const tally = openSync(tallyPath, 'w');
/** Per session: samples appended, samples acknowledged. */
const counts = new Float64Array(sessions * 2);
const saveTally = () => writeSync(tally, new Uint8Array(counts.buffer), 0, counts.byteLength, 0);

const ids = Array.from({ length: sessions }, (_, index) => `s${index}`);
for (const sessionId of ids) journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
journal.onDurable((advanced) => {
  for (const [id, sample] of advanced) counts[Number(id.slice(1)) * 2 + 1] = sample;
  saveTally();
});
await journal.commit();

const startMs = systemClock.monotonicMs();
let frames = 0;
function produce(): void {
  const due = Math.floor((systemClock.monotonicMs() - startMs) / frameMs);
  for (; frames < due; frames += 1) {
    for (const [index, id] of ids.entries()) {
      journal.appendAudio(id, frames * frameSamples, audioOf(id, frames * frameSamples, frameSamples));
      counts[index * 2] = (frames + 1) * frameSamples;
    }
  }
  saveTally();
  setTimeout(produce, frameMs / 4);
}
produce();
process.stdout.write('ready\n');
