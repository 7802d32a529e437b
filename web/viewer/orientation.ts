// The letters at the edges of the viewport: they go with turning and flipping.

import { add, letters, type Plane, scale, type Vector } from "./geometry";
import type { Matrix } from "./transform";

export interface Edges {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

/** Where the edges of the screen lie in the patient. */
export function edgesOf(plane: Plane, [a, b, c, d]: Matrix): Edges {
  // A step of the screen to the right is a step of the image, by the matrix the other way; of a
  // rotation with scaling its rows are that, but for a factor.
  const by = a * d - b * c;
  const step = (x: number, y: number): Vector => {
    const across = ((d * x - c * y) / by) * plane.spacing[0];
    const along = ((a * y - b * x) / by) * plane.spacing[1];
    const way = add(scale(plane.right, across), scale(plane.down, along));
    const length = Math.hypot(...way);
    return length > 0 ? scale(way, 1 / length) : way;
  };
  return {
    left: letters(step(-1, 0)),
    right: letters(step(1, 0)),
    top: letters(step(0, -1)),
    bottom: letters(step(0, 1)),
  };
}
