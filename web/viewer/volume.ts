// A stack of parallel images as a volume: in which order, how far apart, how they are shifted.

import { cross, distance, dot, norm, type Plane, type Point, subtract, type Vector } from "./geometry";

/** Why images make no volume. */
export type Obstacle = "few" | "frames of reference" | "orientation" | "size" | "same place";

/** Images in order along their normal. Nothing is copied: `order` names them by their place. */
export interface Stack {
  /** Which image comes first, second, ... along the normal. */
  readonly order: readonly number[];
  /** The plane of the first image of the order: the others are like it. */
  readonly first: Plane;
  /** Millimetres of each image from the first, along the normal; rising. */
  readonly positions: readonly number[];
  /** How far each image's first pixel is from the first image's, in pixels along its rows and columns. */
  readonly shifts: readonly Point[];
  /** The middle one of the distances between neighbours, in millimetres. */
  readonly step: number;
  /** Whether all neighbours are that far apart. */
  readonly even: boolean;
  /** The angle between the normal and the way from the first image to the last, in degrees. */
  readonly tilt: number;
}

const PARALLEL = 1e-3; // sine of the angle between normals
const EVEN = 0.01; // of the step; at least so many millimetres
const STRAIGHT = 0.1; // degrees
const SAME_PLACE = 1e-3; // millimetres

/** Whether the gantry was tilted, or the images are shifted along each other otherwise. */
export const isTilted = (stack: Stack): boolean => stack.tilt > STRAIGHT;

/** Those of several images that a volume can be made of. */
export interface Chosen {
  /** By their place in what was given, in that order. */
  readonly images: readonly number[];
  /** How many are of other orientations or sizes, or say nothing of where they are. */
  readonly others: number;
  /** How many are where one is already: further volumes of a series over time. */
  readonly again: number;
}

/** The largest group of images that are alike, the first at each place: a localizer is left out. */
export function chosenOf(planes: readonly (Plane | null)[]): Chosen {
  const groups: { readonly first: Plane; readonly images: number[]; readonly places: number[]; again: number }[] = [];
  planes.forEach((plane, at) => {
    if (!plane) return;
    let group = groups.find(({ first }) => unlike(plane, first) === null);
    if (!group) groups.push((group = { first: plane, images: [], places: [], again: 0 }));
    const place = distance(group.first, plane.origin);
    if (group.places.some((one) => Math.abs(one - place) < SAME_PLACE)) group.again += 1;
    else {
      group.places.push(place);
      group.images.push(at);
    }
  });
  const best = groups.sort((a, b) => b.images.length - a.images.length)[0];
  const [images, again] = best ? [best.images, best.again] : [[], 0];
  return { images, again, others: planes.length - images.length - again };
}

/** What keeps two images from being of one volume; null: nothing. */
function unlike(plane: Plane, first: Plane): Obstacle | null {
  if (norm(cross(plane.normal, first.normal)) > PARALLEL || dot(plane.right, first.right) < 1 - PARALLEL) return "orientation";
  if (plane.frameOfReference !== first.frameOfReference) return "frames of reference";
  if (plane.columns !== first.columns || plane.rows !== first.rows) return "size";
  const [x, y] = [plane.spacing[0] / first.spacing[0], plane.spacing[1] / first.spacing[1]];
  return Math.max(Math.abs(x - 1), Math.abs(y - 1)) > PARALLEL ? "size" : null;
}

/**
 * Put images in order; or say why they make no volume.
 *
 * @param planes of the images, in any order; null where one does not say where it is
 */
export function stackOf(planes: readonly (Plane | null)[]): Stack | Obstacle {
  const first = planes[0];
  if (!first || planes.length < 3) return "few";
  for (const plane of planes) {
    const obstacle = plane ? unlike(plane, first) : "orientation";
    if (obstacle) return obstacle;
  }
  const all = planes as readonly Plane[];
  const along = all.map((plane) => distance(first, plane.origin));
  const order = along.map((_, at) => at).sort((a, b) => along[a]! - along[b]!);
  const base = all[order[0]!]!;
  const positions = order.map((at) => along[at]! - along[order[0]!]!);
  const gaps = positions.slice(1).map((one, at) => one - positions[at]!);
  const step = [...gaps].sort((a, b) => a - b)[gaps.length >> 1]!;
  if (Math.min(...gaps) < step * EVEN) return "same place";
  const slack = Math.max(EVEN, step * EVEN);
  const shifts = order.map((at): Point => {
    const from = subtract(all[at]!.origin, base.origin);
    return [dot(from, base.right) / base.spacing[0], dot(from, base.down) / base.spacing[1]];
  });
  const way = subtract(all[order.at(-1)!]!.origin, base.origin);
  const tilt = (Math.acos(Math.min(1, dot(way, base.normal) / norm(way))) * 180) / Math.PI;
  const even = gaps.every((gap) => Math.abs(gap - step) <= slack);
  return { order, first: base, positions, shifts, step, even, tilt };
}

/** The volume's box in the patient: the least and the greatest of x, y and z, to the outer faces. */
export function boxOf(stack: Stack): { readonly low: Vector; readonly high: Vector } {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  const { first, positions, shifts, step } = stack;
  for (const [at, beyond] of [[0, -0.5], [positions.length - 1, 0.5]] as const) {
    const [u, v] = shifts[at]!;
    const away = positions[at]! + beyond * step;
    for (const x of [-0.5, first.columns - 0.5]) {
      for (const y of [-0.5, first.rows - 0.5]) {
        for (const axis of [0, 1, 2] as const) {
          const place =
            first.origin[axis] +
            first.right[axis] * (x + u) * first.spacing[0] +
            first.down[axis] * (y + v) * first.spacing[1] +
            first.normal[axis] * away;
          low[axis] = Math.min(low[axis]!, place);
          high[axis] = Math.max(high[axis]!, place);
        }
      }
    }
  }
  return { low: low as unknown as Vector, high: high as unknown as Vector };
}
