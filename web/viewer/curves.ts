// Values of interest to 8 bits (PS3.3 C.11.2.1), to the last bit as the server renders them.

import { greatest, lookUp, type Table } from "./tables";

/** LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2, C.11.2.1.3). */
export type WindowFunction = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

/** Centre and width in modality units, such as HU. */
export interface Window {
  readonly center: number;
  readonly width: number;
  /** Window Center & Width Explanation, or of a preset. */
  readonly name?: string;
}

/** A modality value to 0 (black) ... 255 (white), a whole number. */
export type Curve = (value: number) => number;

/** To the nearest whole number, halves to the even one, as IEEE 754 and numpy.rint do. */
export function rint(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

/** Spread low to high over 0 to 255; what is outside is black or white, NaN black. */
export function spread(low: number, high: number): Curve {
  const span = high - low;
  if (!(span > 0)) return (value) => (value > low ? 255 : 0);
  return (value) => {
    const share = (value - low) / span;
    return share >= 1 ? 255 : share > 0 ? rint(share * 255) : 0;
  };
}

/** The curve of a window. */
export function windowed({ center, width }: Window, shape: WindowFunction): Curve {
  if (shape === "SIGMOID") return (value) => rint(255 / (1 + Math.exp((-4 * (value - center)) / width)));
  if (shape === "LINEAR_EXACT" || width <= 1) return spread(center - width / 2, center + width / 2);
  // C.11.2.1.2.1: the window holds the samples themselves, hence the halves and ones.
  return spread(center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2);
}

/**
 * Values through a LINEAR window, as pixels of a canvas; NaN is black. As `windowed`, to the bit, but
 * without a call for each value: planes that follow the mouse are painted so.
 */
export function greys(values: Float32Array, { center, width }: Window, invert: boolean, out: Uint32Array): void {
  const half = width <= 1 ? width / 2 : (width - 1) / 2;
  const low = (width <= 1 ? center : center - 0.5) - half;
  const span = (width <= 1 ? center : center - 0.5) + half - low;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    const share = span > 0 ? (value - low) / span : value > low ? 1 : 0;
    let grey = share >= 1 ? 255 : 0;
    if (share > 0 && share < 1) {
      const exact = share * 255;
      grey = Math.floor(exact);
      const rest = exact - grey;
      if (rest > 0.5 || (rest === 0.5 && grey % 2 === 1)) grey += 1;
    }
    if (invert && value === value) grey = 255 - grey;
    out[at] = 0xff000000 | (grey * 0x010101);
  }
}

/** The curve of a VOI LUT. */
export function tabled(table: Table): Curve {
  const whole = spread(0, greatest(table));
  return (value) => whole(lookUp(table, value));
}

/** The window that spreads a range of values, for the display of an image that names none. */
export function windowOf(low: number, high: number): Window {
  // With LINEAR: low is black and high is white.
  return { center: (low + high) / 2 + 0.5, width: Math.max(high - low, 1) + 1 };
}
