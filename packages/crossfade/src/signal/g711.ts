/**
 * G.711, the two telephone encodings: 8 bits a sample, finer where it is quieter (ITU-T G.711, 1988).
 * Decoded values are 16-bit, as in the ITU's software tool library G.191.
 */

const mulawBias = 0x84;
const mulawClip = 32_635;

const mulawValues = Int16Array.from({ length: 256 }, (_, code) => expandMulaw(code));
const alawValues = Int16Array.from({ length: 256 }, (_, code) => expandAlaw(code));

export function decodeMulaw(bytes: Uint8Array): Int16Array {
  return expand(bytes, mulawValues);
}

export function decodeAlaw(bytes: Uint8Array): Int16Array {
  return expand(bytes, alawValues);
}

export function encodeMulaw(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) bytes[i] = compressMulaw(samples[i] as number);
  return bytes;
}

export function encodeAlaw(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) bytes[i] = compressAlaw(samples[i] as number);
  return bytes;
}

function expand(bytes: Uint8Array, values: Int16Array): Int16Array {
  const samples = new Int16Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) samples[i] = values[bytes[i] as number] as number;
  return samples;
}

function expandMulaw(code: number): number {
  const inverted = ~code & 0xff;
  const segment = (inverted >> 4) & 7;
  const magnitude = ((((inverted & 15) << 3) + mulawBias) << segment) - mulawBias;
  return inverted & 0x80 ? -magnitude : magnitude;
}

function compressMulaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), mulawClip) + mulawBias;
  const segment = 24 - Math.clz32(magnitude);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 15)) & 0xff;
}

function expandAlaw(code: number): number {
  const toggled = code ^ 0x55;
  const segment = (toggled >> 4) & 7;
  const step = ((toggled & 15) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return toggled & 0x80 ? magnitude : -magnitude;
}

function compressAlaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  // A-law sees 13 bits; negative values count from -1, so that none is lost to a second zero.
  const magnitude = (sample >= 0 ? sample : ~sample) >> 4;
  const segment = magnitude < 16 ? 0 : 28 - Math.clz32(magnitude);
  const step = segment < 2 ? magnitude & 15 : (magnitude >> (segment - 1)) & 15;
  return (sign | (segment << 4) | step) ^ 0x55;
}
