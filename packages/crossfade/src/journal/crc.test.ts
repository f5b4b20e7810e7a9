import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crcOfRange } from './crc.ts';

describe('crc of a range', () => {
  it('is what zlib gives for the same bytes, with any seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.nat(80),
        fc.nat(0xffff_ffff),
        (bytes, start, seed) => {
          const from = Math.min(start, bytes.length - 1);
          expect(crcOfRange(bytes, from, bytes.length, seed)).toBe(crc32(bytes.subarray(from), seed));
        },
      ),
    );
  });
});
