import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur3 } from './murmur3.ts';

// Published: SMHasher-derived table at https://stackoverflow.com/a/31929528 and Wikipedia's MurmurHash page.
const published: readonly (readonly [text: string, seed: number, hash: number])[] = [
  ['', 0, 0x00000000],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['\0\0\0\0', 0, 0x2362f9de],
  ['\0\0\0', 0, 0x85f0b427],
  ['\0\0', 0, 0x30f4c306],
  ['\0', 0, 0x514e28b7],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['aa', 0x9747b28c, 0x5d211726],
  ['a', 0x9747b28c, 0x7fa09ea6],
  ['abcd', 0x9747b28c, 0xf0478627],
  ['abc', 0x9747b28c, 0xc84a62dd],
  ['ab', 0x9747b28c, 0x74875592],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
];

test.each(published)('hashes %j with seed %i to the published value', (text, seed, hash) => {
  expect(murmur3(text, seed)).toBe(hash);
});

/** The algorithm over bytes, written plainly: the twin that the fast one is held against. */
function plainMurmur3(bytes: Uint8Array, seed: number): number {
  const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by));
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4 + 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let hash = seed;
  const whole = Math.floor(bytes.length / 4) * 4;
  for (let at = 0; at <= whole; at += 4) {
    const mixed = Math.imul(rotate(Math.imul(view.getUint32(at, true), 0xcc9e2d51), 15), 0x1b873593);
    hash ^= mixed;
    if (at < whole) hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0;
  }
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
  // Raw UTF-16 code units, lone surrogates included.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
);

test('equals the plain algorithm over the bytes that TextEncoder writes, for any text and seed', () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 0xffffffff }), (text, seed) => {
      expect(murmur3(text, seed)).toBe(plainMurmur3(encoder.encode(text), seed));
    }),
    { numRuns: 2_000 },
  );
});

test('hashes UTF-8, not UTF-16: a name outside ASCII tells the two apart', () => {
  const utf16 = new Uint8Array(new Uint16Array([...'Zoë'].map((letter) => letter.charCodeAt(0))).buffer);

  expect(murmur3('Zoë')).toBe(plainMurmur3(new TextEncoder().encode('Zoë'), 0));
  expect(murmur3('Zoë')).not.toBe(plainMurmur3(utf16, 0));
});
