// From samples to red, green, blue and opaque: tables of all samples a type can have, and what uses them.

import { type Curve, rint, spread, tabled, type Window, windowed, windowOf } from "./curves";
import type { Look } from "./described";
import type { Numbers } from "./seam";
import { greatest, lookUp, type Table } from "./tables";

/** What a person has chosen: a window, a VOI LUT of the file, or neither (what the file says first). */
export interface Choice {
  readonly window?: Window;
  readonly table?: Table;
  readonly invert?: boolean;
}

const BLACK = 0xff000000;
const grey = (value: number): number => (BLACK | (value << 16) | (value << 8) | value) >>> 0;

/** A stored sample to its modality value (PS3.3 C.11.1). */
export function modality(look: Look): (sample: number) => number {
  const { modality: table, slope, intercept } = look;
  if (table) return (sample) => lookUp(table, sample);
  if (slope === 1 && intercept === 0) return (sample) => sample;
  return (sample) => sample * slope + intercept;
}

/** The window or table of a file, that which stands first; of one that names none, `range` of values. */
export function chosen(look: Look, choice: Choice, range: readonly [number, number]): Choice {
  if (choice.window || choice.table) return choice;
  const [table] = look.tables;
  const [window] = look.windows;
  if (table) return { ...choice, table };
  return { ...choice, window: window ?? windowOf(...range) };
}

function curveOf(look: Look, choice: Choice): Curve {
  if (look.stored.bitsAllocated === 1) return spread(0, 1);
  if (choice.table) return tabled(choice.table);
  return windowed(choice.window ?? windowOf(0, 255), look.shape);
}

/** Whether all samples of the type have a place in a table: those of 8 and 16 bits. */
export const isTabled = (data: Numbers): boolean => data.BYTES_PER_ELEMENT <= 2;

/**
 * What is seen of every sample of a type: pixels as canvases hold them (little endian RGBA), by the
 * sample's bits as an unsigned number.
 *
 * @param choice with a window or a table, as `chosen` gives it
 * @param bits 8 or 16: of an element of the array
 * @param signed whether that array is signed
 */
export function shades(look: Look, choice: Choice, bits: 8 | 16, signed: boolean): Uint32Array {
  const size = 2 ** bits;
  const half = size / 2;
  const found = new Uint32Array(size);
  const value = (index: number): number => (signed && index >= half ? index - size : index);
  if (look.palette) {
    const parts = look.palette.map((table) => ({ table, curve: spread(0, greatest(table)) }));
    for (let index = 0; index < size; index++) {
      const [red, green, blue] = parts.map(({ table, curve }) => curve(lookUp(table, value(index))));
      const rgb = ((blue! << 16) | (green! << 8) | red!) ^ (choice.invert ? 0xffffff : 0);
      found[index] = (BLACK | rgb) >>> 0;
    }
    return found;
  }
  const curve = curveOf(look, choice);
  const toValue = modality(look);
  const turned = (look.stored.photometric === "MONOCHROME1") !== (choice.invert === true);
  for (let index = 0; index < size; index++) {
    const shown = curve(toValue(value(index)));
    found[index] = grey(turned ? 255 - shown : shown);
  }
  if (look.padding) {
    // What lies outside the image is black, however the image is seen.
    const [low, high] = look.padding;
    const from = Math.max(low, signed ? -half : 0);
    const to = Math.min(high, (signed ? half : size) - 1);
    for (let sample = from; sample <= to; sample++) found[sample < 0 ? sample + size : sample] = BLACK;
  }
  return found;
}

/** One shade: `shades` for samples that are too many for a table (32 bits, floating point). */
export function shade(look: Look, choice: Choice): (sample: number) => number {
  const curve = curveOf(look, choice);
  const toValue = modality(look);
  const turned = (look.stored.photometric === "MONOCHROME1") !== (choice.invert === true);
  const [low, high] = look.padding ?? [1, 0];
  return (sample) => {
    if (sample >= low && sample <= high) return BLACK;
    const shown = curve(toValue(sample));
    return grey(turned ? 255 - shown : shown);
  };
}

/** The least and the greatest sample, padding and what is no number left out. */
export function rangeOf(data: Numbers, padding: readonly [number, number] | null): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  const [low, high] = padding ?? [1, 0];
  for (const sample of data) {
    if (sample < least && !(sample >= low && sample <= high)) least = sample;
    if (sample > most && !(sample >= low && sample <= high) && sample !== Infinity) most = sample;
  }
  return least <= most ? [least, most] : [0, 255];
}

/** Modality values of a range of samples, in order. */
export function rangeOfValues(look: Look, [low, high]: readonly [number, number]): [number, number] {
  const to = modality(look);
  const [a, b] = [to(low), to(high)];
  return a <= b ? [a, b] : [b, a];
}

/** Full-range YCbCr to RGB, in place, three bytes a pixel (PS3.3 C.7.6.3.1.2). */
export function fromYbr(data: Uint8Array): void {
  const byte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : rint(value));
  for (let at = 0; at + 2 < data.length; at += 3) {
    const [y, cb, cr] = [data[at]!, data[at + 1]! - 128, data[at + 2]! - 128];
    data[at] = byte(y + 1.402 * cr);
    data[at + 1] = byte(y - 0.344136 * cb - 0.714136 * cr);
    data[at + 2] = byte(y + 1.772 * cb);
  }
}
