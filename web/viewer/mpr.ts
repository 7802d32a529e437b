// Planes through a stack of images: trilinear interpolation, and slabs of some thickness.
//
// Between two images a value is interpolated straight along their normal: in each the four pixels
// around the foot of the perpendicular, then by the distances to both. So images that are tilted
// (a gantry's tilt shifts each along the one before) or unevenly spaced need no resampling first:
// every value is taken where it was measured. Up to half a pixel or half a step beyond the outermost
// centres the outermost values go on; farther out there is nothing (NaN).

import { dot, type Plane, scale, subtract, type Vector } from "./geometry";
import type { Numbers } from "./seam";
import type { Stack } from "./volume";

export type Projection = "mean" | "maximum" | "minimum";

/** A rectangle through the patient that is to be looked at. */
export interface Cut {
  /** The centre of its top left pixel, its directions, and pixels in millimetres. */
  readonly origin: Vector;
  readonly right: Vector;
  readonly down: Vector;
  readonly spacing: number;
  readonly columns: number;
  readonly rows: number;
  /** Millimetres, half to each side; 0: a plane. */
  readonly thickness: number;
  readonly projection: Projection;
}

/** A stack and the samples of its images, in the stack's order; null where one is not there yet. */
export interface Voxels {
  readonly stack: Stack;
  readonly images: readonly (Numbers | null)[];
}

/** How finely a slab is looked at, in millimetres at most. */
function slabStep(stack: Stack): number {
  return Math.min(stack.step, ...stack.first.spacing);
}

/**
 * The samples of a cut, as stored (before slope and intercept), row by row.
 *
 * Of a slab each pixel is the mean, the greatest or the least of planes one step apart, those of
 * them that are within the stack; the first and the last plane are its faces.
 */
export function cut(voxels: Voxels, of: Cut): Float32Array {
  const layers = of.thickness > 0 ? Math.ceil(of.thickness / slabStep(voxels.stack) - 1e-9) + 1 : 1;
  const sampler = new Sampler(voxels);
  if (layers === 1) return sampler.plane(of, 0);
  const total = new Float32Array(of.columns * of.rows).fill(NaN);
  const counts = new Uint16Array(total.length);
  const sums = of.projection === "mean" ? new Float64Array(total.length) : null;
  for (let layer = 0; layer < layers; layer++) {
    const found = sampler.plane(of, of.thickness * (layer / (layers - 1) - 0.5));
    for (let at = 0; at < found.length; at++) {
      const value = found[at]!;
      if (Number.isNaN(value)) continue;
      if (sums) {
        sums[at]! += value;
        counts[at]! += 1;
      } else if (Number.isNaN(total[at]!) || (of.projection === "maximum" ? value > total[at]! : value < total[at]!)) {
        total[at] = value;
      }
    }
  }
  if (sums) sums.forEach((sum, at) => (total[at] = counts[at]! > 0 ? sum / counts[at]! : NaN));
  return total;
}

class Sampler {
  private readonly nearest: Uint32Array;
  private readonly perMillimetre: number;
  // As arrays of numbers: this is asked millions of times for a slab.
  private readonly positions: Float64Array;
  private readonly shiftX: Float64Array;
  private readonly shiftY: Float64Array;

  constructor(private readonly voxels: Voxels) {
    const { positions, shifts, step } = voxels.stack;
    this.positions = Float64Array.from(positions);
    this.shiftX = Float64Array.from(shifts, (shift) => shift[0]);
    this.shiftY = Float64Array.from(shifts, (shift) => shift[1]);
    // Which image is below a position: looked up by a table finer than the middle gap, then mended
    // by a step, so that a pixel does not search.
    const length = positions.at(-1)!;
    const cells = Math.max(1, Math.min(1 << 16, Math.ceil((length / step) * 2)));
    this.perMillimetre = cells / length;
    this.nearest = new Uint32Array(cells + 1);
    let below = 0;
    for (let cell = 0; cell <= cells; cell++) {
      while (below < positions.length - 2 && positions[below + 1]! <= cell / this.perMillimetre) below++;
      this.nearest[cell] = below;
    }
  }

  /** One plane, so many millimetres along the cut's own normal. */
  plane(of: Cut, offset: number): Float32Array {
    const { positions, shiftX, shiftY } = this;
    const { stack, images } = this.voxels;
    const { first } = stack;
    const { columns, rows } = first;
    const out = new Float32Array(of.columns * of.rows).fill(NaN);
    const from = subtract(moved(of.origin, crossUnit(of), offset), first.origin);
    // Position of the first pixel and what a step along a row and a column adds, in columns, rows
    // and millimetres of the stack.
    const [x0, y0, d0] = inStack(first, from);
    const [xAcross, yAcross, dAcross] = inStack(first, scale(of.right, of.spacing));
    const [xDown, yDown, dDown] = inStack(first, scale(of.down, of.spacing));
    const [lowest, highest] = [-stack.step / 2, positions.at(-1)! + stack.step / 2];
    for (let row = 0, at = 0; row < of.rows; row++) {
      const [xRow, yRow, dRow] = [x0 + row * xDown, y0 + row * yDown, d0 + row * dDown];
      for (let column = 0; column < of.columns; column++, at++) {
        const d = dRow + column * dAcross;
        if (!(d >= lowest && d <= highest)) continue;
        const x = xRow + column * xAcross;
        const y = yRow + column * yAcross;
        const below = this.below(d);
        const weight = (d - positions[below]!) / (positions[below + 1]! - positions[below]!);
        if (weight <= 0) out[at] = bilinear(images[below]!, columns, rows, x - shiftX[below]!, y - shiftY[below]!);
        else {
          const above = below + 1;
          const upper = bilinear(images[above]!, columns, rows, x - shiftX[above]!, y - shiftY[above]!);
          if (weight >= 1) out[at] = upper;
          else out[at] = bilinear(images[below]!, columns, rows, x - shiftX[below]!, y - shiftY[below]!) * (1 - weight) + upper * weight;
        }
      }
    }
    return out;
  }

  /** The image at or below a position; the last but one at most. */
  private below(d: number): number {
    const { positions } = this;
    const cell = d <= 0 ? 0 : Math.min(this.nearest.length - 1, Math.floor(d * this.perMillimetre));
    let below = this.nearest[cell]!;
    while (below > 0 && positions[below]! > d) below--;
    while (below < positions.length - 2 && positions[below + 1]! <= d) below++;
    return below;
  }
}

/** A value between four pixels; NaN beyond half a pixel from the image, or where it is not there. */
function bilinear(image: Numbers | null, columns: number, rows: number, x: number, y: number): number {
  if (image === null || !(x >= -0.5 && x <= columns - 0.5 && y >= -0.5 && y <= rows - 0.5)) return NaN;
  if (x < 0) x = 0;
  else if (x > columns - 1) x = columns - 1;
  if (y < 0) y = 0;
  else if (y > rows - 1) y = rows - 1;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = x - left;
  const v = y - top;
  const at = top * columns + left;
  const right = u > 0 ? 1 : 0;
  const under = v > 0 ? columns : 0;
  const upper = image[at]! * (1 - u) + image[at + right]! * u;
  return upper * (1 - v) + (image[at + under]! * (1 - u) + image[at + under + right]! * u) * v;
}

/** A difference in the patient as columns, rows and millimetres along the normal of a stack. */
function inStack(first: Plane, difference: Vector): Vector {
  return [
    dot(difference, first.right) / first.spacing[0],
    dot(difference, first.down) / first.spacing[1],
    dot(difference, first.normal),
  ];
}

function crossUnit({ right: a, down: b }: Cut): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function moved(from: Vector, along: Vector, by: number): Vector {
  return [from[0] + along[0] * by, from[1] + along[1] * by, from[2] + along[2] * by];
}
