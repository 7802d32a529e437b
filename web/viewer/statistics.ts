// The values within a region of an image.
//
// The rule for pixels at the border: a pixel belongs to a region if its centre lies within it or on
// its border. Areas are of the drawn shape, not of the pixels counted.

import type { Point } from "./geometry";
import type { Samples } from "./seam";

export interface Statistics {
  /** Pixels counted; those that are no number are not. */
  readonly count: number;
  readonly mean: number;
  /** Of the pixels as they are (divided by their count, not by one less). */
  readonly deviation: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Whether the centre of a pixel is within; x and y in points of the image. */
export type Within = (x: number, y: number) => boolean;

/** A rectangle along rows and columns, by two opposite corners. */
export function inRectangle([a, b]: readonly [Point, Point]): Within {
  const [left, right] = a[0] < b[0] ? [a[0], b[0]] : [b[0], a[0]];
  const [top, bottom] = a[1] < b[1] ? [a[1], b[1]] : [b[1], a[1]];
  return (x, y) => x >= left && x <= right && y >= top && y <= bottom;
}

/** An ellipse with axes along rows and columns, by two opposite corners of its box. */
export function inEllipse([a, b]: readonly [Point, Point]): Within {
  const [x0, y0] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const [wide, high] = [Math.abs(a[0] - b[0]) / 2, Math.abs(a[1] - b[1]) / 2];
  if (wide === 0 || high === 0) return () => false;
  return (x, y) => ((x - x0) / wide) ** 2 + ((y - y0) / high) ** 2 <= 1;
}

/**
 * Count, mean, deviation and extremes of the values within the box of two corners, of those pixels
 * that `within` takes. Null where it has none.
 */
export function statisticsOf(
  samples: Samples,
  size: { readonly columns: number; readonly rows: number },
  [a, b]: readonly [Point, Point],
  within: Within,
  padding: readonly [number, number] | null = null,
): Statistics | null {
  const bounds = (p: number, q: number, most: number): [number, number] => [
    Math.max(0, Math.floor(Math.min(p, q) - 0.5)),
    Math.min(most - 1, Math.ceil(Math.max(p, q))),
  ];
  const [left, right] = bounds(a[0], b[0], size.columns);
  const [top, bottom] = bounds(a[1], b[1], size.rows);
  const found: number[] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const sample = samples.data[row * size.columns + column];
      if (sample === undefined || Number.isNaN(sample) || !within(column + 0.5, row + 0.5)) continue;
      if (!padding || sample < padding[0] || sample > padding[1]) found.push(sample);
    }
  }
  if (found.length === 0) return null;
  let [sum, least, most] = [0, Infinity, -Infinity];
  for (const sample of found) {
    sum += sample; // whole numbers: exact
    if (sample < least) least = sample;
    if (sample > most) most = sample;
  }
  const mean = sum / found.length;
  let squares = 0;
  for (const sample of found) squares += (sample - mean) ** 2;
  const value = (sample: number): number => samples.slope * sample + samples.intercept;
  const [low, high] = samples.slope < 0 ? [most, least] : [least, most];
  return {
    count: found.length,
    mean: value(mean),
    deviation: Math.abs(samples.slope) * Math.sqrt(squares / found.length),
    minimum: value(low),
    maximum: value(high),
  };
}

/** The value at a point of an image; null beside it. */
export function probe(samples: Samples, size: { columns: number; rows: number }, [x, y]: Point): number | null {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (column < 0 || row < 0 || column >= size.columns || row >= size.rows) return null;
  const sample = samples.data[row * size.columns + column];
  return sample === undefined || Number.isNaN(sample) ? null : samples.slope * sample + samples.intercept;
}
