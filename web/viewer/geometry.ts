// Where an image lies in the patient (PS3.3 C.7.6.2): planes, transforms, reference lines, stacks.
//
// Millimetres in the reference coordinate system: x to the patient's left, y to the back, z to the
// head. A point on an image is as SCOORD has it (PS3.3 C.18.6.1.2): [0, 0] is the outer corner of
// the top left pixel, [0.5, 0.5] its centre; the first number goes along a row.

import { type Attributes, frameNumbers, number, text } from "./dataset";

export type Point = readonly [x: number, y: number];
export type Vector = readonly [x: number, y: number, z: number];

export const add = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vector, by: number): Vector => [a[0] * by, a[1] * by, a[2] * by];
export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vector): number => Math.sqrt(dot(a, a));
export const unit = (a: Vector): Vector => scale(a, 1 / norm(a));
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** One image's rectangle in the patient. */
export interface Plane {
  /** The centre of the top left pixel: Image Position (Patient). */
  readonly origin: Vector;
  /** The direction of a row, from left to right; of length 1. */
  readonly right: Vector;
  /** The direction of a column, downwards; of length 1 and at right angles to `right`. */
  readonly down: Vector;
  /** `right` x `down`. */
  readonly normal: Vector;
  /** Millimetres between the centres of columns (along a row), then of rows. */
  readonly spacing: Point;
  readonly columns: number;
  readonly rows: number;
  /** Frame of Reference UID: planes of different ones have nothing to do with each other. */
  readonly frameOfReference: string;
}

const POSITION = ["00209113", "00200032"] as const;
const ORIENTATION = ["00209116", "00200037"] as const;
const SPACING = ["00289110", "00280030"] as const;
/** How far from 1 and from a right angle the orientation of a file may be; decimals are cut there. */
const SLACK = 1e-2;

/** A plane from its numbers; null where they make none. */
export function makePlane(
  position: readonly number[],
  orientation: readonly number[],
  spacing: readonly number[],
  size: { readonly columns: number; readonly rows: number },
  frameOfReference = "",
): Plane | null {
  const [betweenRows, betweenColumns] = spacing;
  if (position.length !== 3 || orientation.length !== 6 || !betweenRows || !betweenColumns) return null;
  if (betweenRows < 0 || betweenColumns < 0) return null;
  const [a, b, c, d, e, f] = orientation as [number, number, number, number, number, number];
  const row: Vector = [a, b, c];
  const column: Vector = [d, e, f];
  const bad = Math.max(Math.abs(norm(row) - 1), Math.abs(norm(column) - 1), Math.abs(dot(row, column)));
  if (!(bad <= SLACK)) return null;
  const right = unit(row);
  const down = unit(subtract(column, scale(right, dot(column, right))));
  const origin = position as unknown as Vector;
  const normal = cross(right, down);
  return { origin, right, down, normal, spacing: [betweenColumns, betweenRows], ...size, frameOfReference };
}

/**
 * Where a frame lies, of single-frame and enhanced multi-frame instances; null where it does not say.
 *
 * @param frame from 1
 */
export function planeOf(instance: Attributes, frame: number): Plane | null {
  return makePlane(
    frameNumbers(instance, frame, ...POSITION),
    frameNumbers(instance, frame, ...ORIENTATION),
    frameNumbers(instance, frame, ...SPACING),
    { columns: number(instance, "00280011") ?? 0, rows: number(instance, "00280010") ?? 0 },
    text(instance, "00200052"),
  );
}

/** Where a point of an image is in the patient (equation C.7.6.2.1-1). */
export function toPatient(plane: Plane, [x, y]: Point): Vector {
  const across = scale(plane.right, (x - 0.5) * plane.spacing[0]);
  return add(add(plane.origin, across), scale(plane.down, (y - 0.5) * plane.spacing[1]));
}

/** The point of an image that is nearest to a place in the patient: straight onto its plane. */
export function toImage(plane: Plane, place: Vector): Point {
  const from = subtract(place, plane.origin);
  return [dot(from, plane.right) / plane.spacing[0] + 0.5, dot(from, plane.down) / plane.spacing[1] + 0.5];
}

/** Millimetres from a plane to a place, along its normal. */
export const distance = (plane: Plane, place: Vector): number => dot(subtract(place, plane.origin), plane.normal);

/** Below this share a direction is not named: 0.1 is about six degrees. */
const NAMED = 0.1;
const NAMES: readonly [string, string][] = [["L", "R"], ["P", "A"], ["H", "F"]];

/**
 * The letters of a direction (PS3.3 C.7.6.1.1.1), the most of it first: left, right, posterior,
 * anterior, head, feet. Of a quadruped too: there the same letters are shown.
 */
export function letters(direction: Vector): string {
  return [0, 1, 2]
    .filter((axis) => Math.abs(direction[axis as 0]) > NAMED)
    .sort((a, b) => Math.abs(direction[b as 0]) - Math.abs(direction[a as 0]))
    .map((axis) => NAMES[axis]![direction[axis as 0] > 0 ? 0 : 1])
    .join("");
}

/** The letters at the four edges of an image that is shown as it is stored. */
export function edges(plane: Plane): { left: string; right: string; top: string; bottom: string } {
  return {
    left: letters(scale(plane.right, -1)),
    right: letters(plane.right),
    top: letters(scale(plane.down, -1)),
    bottom: letters(plane.down),
  };
}

/** The four outer corners of an image in the patient, clockwise from the top left. */
export function corners(plane: Plane): readonly [Vector, Vector, Vector, Vector] {
  const { columns, rows } = plane;
  const at = (x: number, y: number): Vector => toPatient(plane, [x, y]);
  return [at(0, 0), at(columns, 0), at(columns, rows), at(0, rows)];
}

/** Planes whose normals differ by less than this (sine of the angle) have no line in common. */
const PARALLEL = 1e-3;

/**
 * Where another image's rectangle cuts the plane of this one, in points of this one.
 * Null where they do not meet, are parallel, or are of different frames of reference.
 */
export function referenceLine(other: Plane, on: Plane): readonly [Point, Point] | null {
  if (other.frameOfReference !== on.frameOfReference) return null;
  if (norm(cross(other.normal, on.normal)) < PARALLEL) return null;
  const places = corners(other);
  const found: Vector[] = [];
  for (let i = 0; i < 4; i++) {
    const [a, b] = [places[i as 0], places[((i + 1) % 4) as 0]];
    const [before, after] = [distance(on, a), distance(on, b)];
    // A corner on the plane belongs to the edge that begins there.
    if (before === 0) found.push(a);
    else if (before < 0 !== after < 0 && after !== 0) {
      found.push(add(a, scale(subtract(b, a), before / (before - after))));
    }
  }
  return found.length < 2 ? null : [toImage(on, found[0]!), toImage(on, found[1]!)];
}

/** Which of several planes is nearest to a place, by the distance along the normal; -1 of none. */
export function nearest(planes: readonly (Plane | null)[], place: Vector): number {
  let best = -1;
  let least = Infinity;
  planes.forEach((plane, index) => {
    const apart = plane === null ? Infinity : Math.abs(distance(plane, place));
    if (apart < least) [best, least] = [index, apart];
  });
  return best;
}
