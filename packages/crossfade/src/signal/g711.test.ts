import { describe, expect, it } from 'vitest';
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from './g711.ts';

const everyCode = Uint8Array.from({ length: 256 }, (_, code) => code);
const everySample = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);

describe('G.711', () => {
  it('has the values of the standard tables (as audioop of Python gives them)', () => {
    expect([...decodeMulaw(Uint8Array.of(0x00, 0x80, 0x7f, 0xff, 0x0f, 0xb2))]).toEqual([
      -32_124, 32_124, 0, 0, -16_764, 3_644,
    ]);
    expect([...decodeAlaw(Uint8Array.of(0x55, 0xd5, 0x2a, 0xaa, 0x00, 0x80))]).toEqual([
      -8, 8, -32_256, 32_256, -5_504, 5_504,
    ]);
    expect([...encodeMulaw(Int16Array.of(0, -32_768, 32_767))]).toEqual([0xff, 0x00, 0x80]);
    expect([...encodeAlaw(Int16Array.of(0, -1, -32_768, 32_767))]).toEqual([0xd5, 0x55, 0x2a, 0xaa]);
  });

  it('keeps every code through a round trip (mu-law writes its minus zero as zero)', () => {
    expect(encodeAlaw(decodeAlaw(everyCode))).toEqual(everyCode);
    expect(encodeMulaw(decodeMulaw(everyCode))).toEqual(
      everyCode.map((code) => (code === 0x7f ? 0xff : code)),
    );
  });

  it.each([
    ['mu-law', (samples: Int16Array) => decodeMulaw(encodeMulaw(samples)), 4],
    ['A-law', (samples: Int16Array) => decodeAlaw(encodeAlaw(samples)), 8],
  ])('%s is never off by more than a sixteenth of the value', (_, roundTrip, floor) => {
    const decoded = roundTrip(everySample);
    const worst = everySample.reduce((most, sample, i) => {
      const error = Math.abs(sample - decoded[i]!) - Math.max(floor, Math.abs(sample) / 16);
      return Math.max(most, error);
    }, -1);
    // Up to 1, for the ends above 32,635, which are clipped.
    expect(worst).toBeLessThan(1);
  });
});
