// What comes out of a decoder, brought into one form; runs in the workers.

import type { Stored } from "./described";
import type { Numbers } from "./seam";
import { fromYbr } from "./shades";
import { spread } from "./curves";

/** A frame, or a smaller resolution of it: row by row, the samples of a pixel side by side. */
export interface Raster {
  readonly columns: number;
  readonly rows: number;
  /** 1, or 3: red, green, blue in 8 bits. */
  readonly samples: 1 | 3;
  readonly data: Numbers;
}

/** Decoded samples in bytes to a raster; red, green and blue where there were three of any kind. */
export function raster(bytes: Uint8Array<ArrayBuffer>, how: Stored, size: { columns: number; rows: number; bits: number; signed: boolean }): Raster {
  const { columns, rows } = size;
  const count = columns * rows * how.samples;
  if (how.samples < 3) return { columns, rows, samples: 1, data: typed(bytes, count, size) };
  const samples = typed(bytes, count, size);
  let data: Uint8Array;
  if (samples instanceof Uint8Array && how.bitsStored >= 8) data = samples;
  else {
    const curve = spread(0, 2 ** how.bitsStored - 1);
    data = Uint8Array.from(samples as Uint16Array, curve);
  }
  if (how.photometric.startsWith("YBR_FULL")) fromYbr(data);
  return { columns, rows, samples: 3, data };
}

function typed(bytes: Uint8Array<ArrayBuffer>, count: number, { bits, signed }: { bits: number; signed: boolean }): Numbers {
  const { buffer, byteOffset } = bytes;
  if (bits <= 8) return signed ? new Int8Array(buffer, byteOffset, count) : bytes.subarray(0, count);
  return signed ? new Int16Array(buffer, byteOffset, count) : new Uint16Array(buffer, byteOffset, count);
}

/** A frame in Explicit VR Little Endian (PS3.5 8.1): bits, bytes, words, long words or floating point. */
export function native(bytes: Uint8Array<ArrayBuffer>, how: Stored): Raster {
  const { columns, rows } = how;
  const count = columns * rows * how.samples;
  const needed = how.bitsAllocated === 1 ? Math.ceil(count / 8) : (count * how.bitsAllocated) / 8;
  if (bytes.length < needed) throw new Error(`found ${bytes.length} bytes, expected ${needed}`);
  if (how.bitsAllocated === 1) return { columns, rows, samples: 1, data: unpacked(bytes, count) };
  if (how.bitsAllocated <= 16) {
    const ordered = how.samples === 3 && how.planar ? interleaved(bytes, columns * rows, how.bitsAllocated / 8) : bytes;
    return raster(ordered, how, { columns, rows, bits: how.bitsAllocated, signed: how.signed });
  }
  const { buffer, byteOffset } = bytes;
  let data: Numbers;
  if (how.float && how.bitsAllocated === 64) data = Float32Array.from(new Float64Array(buffer, byteOffset, count));
  else if (how.float) data = new Float32Array(buffer, byteOffset, count);
  else data = how.signed ? new Int32Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count);
  return { columns, rows, samples: 1, data };
}

/** The least significant bit first (PS3.5 8.1.1). */
function unpacked(bytes: Uint8Array, count: number): Uint8Array {
  const data = new Uint8Array(count);
  for (let index = 0; index < count; index++) data[index] = (bytes[index >> 3]! >> (index & 7)) & 1;
  return data;
}

/** Three planes, one after the other, to pixels of three samples. */
function interleaved(bytes: Uint8Array<ArrayBuffer>, plane: number, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(plane * 3 * size);
  for (let part = 0; part < 3; part++) {
    for (let index = 0; index < plane; index++) {
      for (let byte = 0; byte < size; byte++) out[(index * 3 + part) * size + byte] = bytes[(part * plane + index) * size + byte]!;
    }
  }
  return out;
}

/**
 * Three components that the decoder has mixed up, in order again. Without a component transform it is
 * given line after line of the first, then of the second, and lays each three of them together as if
 * they were one line of red, green and blue (found by trying codec-openjph 2.4.11).
 */
export function unmixed(bytes: Uint8Array<ArrayBuffer>, columns: number, rows: number, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(columns * rows * 3 * size);
  for (let line = 0; line < 3 * rows; line++) {
    const [part, row] = [Math.floor(line / rows), line % rows];
    let from = (Math.floor(line / 3) * columns * 3 + (line % 3)) * size;
    let to = (row * columns * 3 + part) * size;
    for (let column = 0; column < columns; column++, from += 3 * size, to += 3 * size) {
      for (let byte = 0; byte < size; byte++) out[to + byte] = bytes[from + byte]!;
    }
  }
  return out;
}

/** Half as wide and high, each pixel the mean of up to four: what a large image looks like from afar. */
export function halved(of: Raster): Raster {
  const { samples, data } = of;
  const [columns, rows] = [(of.columns + 1) >> 1, (of.rows + 1) >> 1];
  const out = new (data.constructor as new (length: number) => Numbers)(columns * rows * samples);
  const whole = !(data instanceof Float32Array);
  const stride = of.columns * samples;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const upper = 2 * row * stride;
    const lower = 2 * row + 1 < of.rows ? upper + stride : upper;
    for (let column = 0; column < columns; column++) {
      const left = 2 * column * samples;
      const right = 2 * column + 1 < of.columns ? left + samples : left;
      for (let part = 0; part < samples; part++) {
        const sum = data[upper + left + part]! + data[upper + right + part]! + data[lower + left + part]! + data[lower + right + part]!;
        out[at++] = whole ? Math.floor((sum + 2) / 4) : sum / 4;
      }
    }
  }
  return { columns, rows, samples, data: out };
}

/** Above so many pixels smaller copies are made: they are seen in part, or smaller than they are. */
const LARGE = 1 << 20;

/** A raster and its smaller copies: [0] is the raster itself. */
export function pyramid(of: Raster): Raster[] {
  const levels = [of];
  for (let last = of; last.columns * last.rows > LARGE; levels.push(last)) last = halved(last);
  return levels;
}
