const mulA = 0xcc9e2d51;
const mulB = 0x1b873593;

/**
 * MurmurHash3, the x86 32-bit variant, over the UTF-8 bytes of `text`: an unsigned 32-bit number.
 * Published by Austin Appleby (SMHasher, `MurmurHash3_x86_32`); every language has it, so a bucket
 * can be checked anywhere. A lone surrogate is hashed as U+FFFD, as `TextEncoder` writes it.
 *
 * Reads the string in place: nothing is allocated, and ASCII takes four characters a step.
 */
export function murmur3(text: string, seed = 0): number {
  const length = text.length;
  const wholeBlocks = length & ~3;
  let hash = seed | 0;
  let index = 0;
  for (; index < wholeBlocks; index += 4) {
    const a = text.charCodeAt(index);
    const b = text.charCodeAt(index + 1);
    const c = text.charCodeAt(index + 2);
    const d = text.charCodeAt(index + 3);
    if ((a | b | c | d) > 0x7f) return hashUtf8(text, index, hash);
    hash = mixBlock(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  let tail = 0;
  for (let shift = 0; index < length; index++, shift += 8) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return hashUtf8(text, wholeBlocks, hash);
    tail |= unit << shift;
  }
  // An empty tail scrambles to 0, so the XOR needs no condition.
  return finish(hash ^ scramble(tail), length);
}

/** Goes on from `start`, a multiple of four before which everything was ASCII. */
function hashUtf8(text: string, start: number, startHash: number): number {
  let hash = startHash;
  let byteCount = start;
  let block = 0;
  let shift = 0;
  for (let index = start; index < text.length; index++) {
    let point = text.codePointAt(index) ?? 0;
    if (point > 0xffff) index++;
    else if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    byteCount += width;
    for (let at = 0; at < width; at++) {
      block |= utf8Byte(point, width, at) << shift;
      shift += 8;
      if (shift === 32) {
        hash = mixBlock(hash, block);
        block = 0;
        shift = 0;
      }
    }
  }
  return finish(hash ^ scramble(block), byteCount);
}

/** Byte `at` of the UTF-8 form of `point`, which is `width` bytes long. */
function utf8Byte(point: number, width: number, at: number): number {
  const bits = point >>> (6 * (width - 1 - at));
  if (at > 0) return 0x80 | (bits & 0x3f);
  return width === 1 ? bits : bits | ((0xf00 >> width) & 0xff);
}

function scramble(block: number): number {
  const mixed = Math.imul(block, mulA);
  return Math.imul((mixed << 15) | (mixed >>> 17), mulB);
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, byteCount: number): number {
  let mixed = hash ^ byteCount;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
