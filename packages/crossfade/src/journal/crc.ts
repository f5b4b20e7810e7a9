/** The table of CRC-32 as in zlib, gzip and PNG (polynomial 0xedb88320, reflected). */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc >>> 0;
});

/**
 * CRC-32 of a few bytes of a larger buffer, as `zlib.crc32` gives it for a view of them. For 20 bytes the view
 * alone costs more than the sum: it is an object for the collector, per audio frame.
 */
export function crcOfRange(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let crc = ~seed;
  for (let i = from; i < to; i += 1) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
