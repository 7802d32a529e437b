// The three planes of the patient's axes through one point of a stack, and the crosshair they share.

import type { Plane, Point, Vector } from "./geometry";
import type { Cut, Projection } from "./mpr";
import { boxOf, type Stack } from "./volume";

export const VIEWS = ["axial", "coronal", "sagittal"] as const;
export type View = (typeof VIEWS)[number];

/** Directions of rows and columns, as radiologists look: from the feet, from the front, from the left. */
const DIRECTIONS: Readonly<Record<View, readonly [right: Vector, down: Vector, depth: 0 | 1 | 2]>> = {
  axial: [[1, 0, 0], [0, 1, 0], 2],
  coronal: [[1, 0, 0], [0, 0, -1], 1],
  sagittal: [[0, 1, 0], [0, 0, -1], 0],
};

/** Pixels along a side at most: more than any screen's share of three views. */
const MOST = 1024;

/** The cut of a view through a place: over the whole box of the stack, in its finest pixels. */
export function cutOf(stack: Stack, view: View, place: Vector, thickness = 0, projection: Projection = "mean"): Cut {
  const { low, high } = boxOf(stack);
  const [right, down, depth] = DIRECTIONS[view];
  const extent = (direction: Vector): number =>
    direction.reduce((sum, one, axis) => sum + Math.abs(one) * (high[axis as 0] - low[axis as 0]), 0);
  const finest = Math.min(...stack.first.spacing, stack.step);
  const [wide, tall] = [extent(right), extent(down)];
  const spacing = Math.max(finest, wide / MOST, tall / MOST);
  const columns = Math.max(1, Math.round(wide / spacing));
  const rows = Math.max(1, Math.round(tall / spacing));
  // The corner where right and down begin, half a pixel within.
  const corner = [0, 1, 2].map((axis) => {
    if (axis === depth) return place[axis as 0];
    const way = right[axis as 0] + down[axis as 0];
    return (way > 0 ? low[axis as 0] : high[axis as 0]) + (way * spacing) / 2;
  }) as unknown as Vector;
  return { origin: corner, right, down, spacing, columns, rows, thickness, projection };
}

/** A cut as the plane of an image, for transforms and letters. */
export function planeOfCut(of: Cut, frameOfReference: string): Plane {
  const [a, b] = [of.right, of.down];
  const normal: Vector = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const { origin, right, down, columns, rows, spacing } = of;
  return { origin, right, down, normal, spacing: [spacing, spacing], columns, rows, frameOfReference };
}

/** Where a point of a cut is in the patient. */
export function placeOn(of: Cut, [x, y]: Point): Vector {
  const [u, v] = [(x - 0.5) * of.spacing, (y - 0.5) * of.spacing];
  return [0, 1, 2].map((axis) => of.origin[axis as 0] + of.right[axis as 0] * u + of.down[axis as 0] * v) as unknown as Vector;
}

/** A place kept within the stack's box: where a crosshair may go. */
export function within(stack: Stack, place: Vector): Vector {
  const { low, high } = boxOf(stack);
  return place.map((one, axis) => Math.min(high[axis as 0], Math.max(low[axis as 0], one))) as unknown as Vector;
}

/** The middle of the stack. */
export function centre(stack: Stack): Vector {
  const { low, high } = boxOf(stack);
  return low.map((one, axis) => (one + high[axis as 0]) / 2) as unknown as Vector;
}
