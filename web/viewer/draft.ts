// How a measurement is drawn: by dragging from point to point, or click by click. Pure: each function
// gives the next state.

import type { Point } from "./geometry";
import { type Shape, SHAPES } from "./measure";

export interface Draft {
  readonly shape: Shape;
  readonly points: readonly Point[];
  /** Which point the pointer has hold of; null between two of them. */
  readonly live: number | null;
  /** Whether that one still lies where the point before it was set. */
  readonly fresh: boolean;
}

/** The button is pressed for the first point. */
export function begin(shape: Shape, at: Point): Draft {
  if (SHAPES[shape] === 1) return { shape, points: [at], live: 0, fresh: false };
  return { shape, points: [at, at], live: 1, fresh: true };
}

/** The button is pressed again: the point that waits is set, or the next one begins. */
export function press(draft: Draft, at: Point): Draft {
  if (draft.live !== null) return { ...drag(draft, at), fresh: false };
  const pair = draft.shape === "cobb"; // a second line, not a further point of the first
  const points = [...draft.points, at, ...(pair ? [at] : [])];
  return { ...draft, points, live: points.length - 1, fresh: pair };
}

/** The pointer moves with the button pressed. */
export function drag(draft: Draft, at: Point): Draft {
  if (draft.live === null) return draft;
  return { ...draft, points: draft.points.map((point, number) => (number === draft.live ? at : point)) };
}

/** The button is let go; `moved`: since it was pressed. A click leaves the second point to the next. */
export function release(draft: Draft, moved: boolean): Draft {
  return draft.fresh && !moved ? draft : { ...draft, live: null, fresh: false };
}

export const isDone = (draft: Draft): boolean => draft.live === null && draft.points.length === SHAPES[draft.shape];

/** Whether a drawing is none: all its points are one, or a region has no area. */
export function isNothing(shape: Shape, points: readonly Point[]): boolean {
  const [a, b] = points;
  if (!a || SHAPES[shape] === 1) return points.length === 0;
  if (shape === "ellipse" || shape === "rectangle") return !b || a[0] === b[0] || a[1] === b[1];
  return points.every(([x, y]) => x === a[0] && y === a[1]);
}

/** A point within an image, and on its grid: edges of pixels for regions, centres for a probe. */
export function settle(shape: Shape, [x, y]: Point, size: { columns: number; rows: number }, snap: boolean): Point {
  const to = (value: number, most: number): number => {
    const within = Math.min(most, Math.max(0, value));
    if (!snap) return within;
    if (shape === "probe") return Math.min(most - 1, Math.floor(within)) + 0.5;
    return shape === "ellipse" || shape === "rectangle" ? Math.round(within) : Math.round(within * 2) / 2;
  };
  return [to(x, size.columns), to(y, size.rows)];
}

/** Points moved together, as far as all stay within the image. */
export function shifted(points: readonly Point[], [dx, dy]: Point, size: { columns: number; rows: number }): Point[] {
  const fit = (axis: 0 | 1, by: number, most: number): number => {
    const all = points.map((point) => point[axis]);
    return Math.min(most - Math.max(...all), Math.max(-Math.min(...all), by));
  };
  const [x, y] = [fit(0, dx, size.columns), fit(1, dy, size.rows)];
  return points.map((point) => [point[0] + x, point[1] + y]);
}
