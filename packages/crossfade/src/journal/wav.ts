import { bytesPerSample } from '@crossfade/sdk/core/audio';
import type { AudioEncoding } from '@crossfade/sdk/core/audio';
import type { OpenSession } from './journal.ts';

/** Format tags of RIFF WAVE (RFC 2361). */
const formatTags: Readonly<Record<AudioEncoding, number>> = { linear16: 1, alaw: 6, mulaw: 7 };
/** What a sample of no sound is; mu-law and A-law invert bits. */
const silentByte: Readonly<Record<AudioEncoding, number>> = { linear16: 0, alaw: 0xd5, mulaw: 0xff };
const headerBytes = 44;
const sizeMax = 0xffff_ffff;
/** Silence is made in pieces of this length. */
const silencePieceBytes = 64 * 1024;

/** The header of a mono WAVE file. Sizes stop at 4 GiB, which the format cannot say; players go on to the end. */
export function wavHeader(session: Pick<OpenSession, 'encoding' | 'sampleRate'>, audioBytes: number): Buffer {
  const { encoding, sampleRate } = session;
  const sampleBytes = bytesPerSample[encoding];
  const header = Buffer.alloc(headerBytes);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(Math.min(sizeMax, headerBytes - 8 + audioBytes), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(formatTags[encoding], 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * sampleBytes, 28);
  header.writeUInt16LE(sampleBytes, 32);
  header.writeUInt16LE(sampleBytes * 8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(Math.min(sizeMax, audioBytes), 40);
  return header;
}

/** So many samples of no sound, in pieces. */
export function* silence(encoding: AudioEncoding, samples: number): Iterable<Buffer> {
  let left = Math.max(0, samples) * bytesPerSample[encoding];
  while (left > 0) {
    const piece = Math.min(left, silencePieceBytes);
    yield Buffer.alloc(piece, silentByte[encoding]);
    left -= piece;
  }
}
