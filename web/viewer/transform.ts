// From points of an image to those of the screen: zoom, pan, turn, flip, and pixels that are not square.

import type { Point } from "./geometry";

/** What a person has done to how an image lies on the screen. */
export interface View {
  /** CSS pixels for a column; null: as large as fits. */
  readonly zoom: number | null;
  /** From the middle of the viewport to that of the image, CSS pixels. */
  readonly pan: Point;
  /** Degrees clockwise. */
  readonly turn: number;
  /** Left and right exchanged, before the turn. */
  readonly flip: boolean;
}

export const PLAIN: View = { zoom: null, pan: [0, 0], turn: 0, flip: false };

export interface Picture {
  readonly columns: number;
  readonly rows: number;
  /** Height of a pixel over its width. */
  readonly aspect: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** x' = a x + c y + e, y' = b x + d y + f: as `setTransform` of a canvas takes it. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** CSS pixels for a column where the whole picture is to be seen. */
export function fitting(picture: Picture, size: Size, turn: number): number {
  const [sine, cosine] = turned(turn).map(Math.abs) as [number, number];
  const height = picture.rows * picture.aspect;
  const across = picture.columns * cosine + height * sine;
  const along = picture.columns * sine + height * cosine;
  return across > 0 && along > 0 ? Math.min(size.width / across, size.height / along) : 1;
}

/** The zoom that is in effect. */
export const zoomOf = (view: View, picture: Picture, size: Size): number =>
  view.zoom ?? fitting(picture, size, view.turn);

/** From image to viewport. [0, 0] of the image is the outer corner of its first pixel. */
export function matrix(view: View, picture: Picture, size: Size): Matrix {
  const zoom = zoomOf(view, picture, size);
  const [sine, cosine] = turned(view.turn);
  const across = view.flip ? -zoom : zoom;
  const along = zoom * picture.aspect;
  const [a, b, c, d] = [cosine * across, sine * across, -sine * along, cosine * along];
  const [x, y] = [picture.columns / 2, picture.rows / 2];
  const e = size.width / 2 + view.pan[0] - a * x - c * y;
  const f = size.height / 2 + view.pan[1] - b * x - d * y;
  return [a, b, c, d, e, f];
}

export const apply = ([a, b, c, d, e, f]: Matrix, [x, y]: Point): Point => [a * x + c * y + e, b * x + d * y + f];

/** The matrix the other way; of one that flattens all, all goes to the corner. */
export function inverse([a, b, c, d, e, f]: Matrix): Matrix {
  const by = a * d - b * c;
  if (!by) return [0, 0, 0, 0, 0, 0];
  return [d / by, -b / by, -c / by, a / by, (c * f - d * e) / by, (b * e - a * f) / by];
}

/** Zoom by a factor so that the point under the pointer stays where it is. */
export function zoomedAt(view: View, picture: Picture, size: Size, by: number, at: Point): View {
  const before = zoomOf(view, picture, size);
  const zoom = Math.min(Math.max(before * by, 0.01), 128);
  const share = zoom / before;
  const [x, y] = [at[0] - size.width / 2, at[1] - size.height / 2];
  return { ...view, zoom, pan: [x + (view.pan[0] - x) * share, y + (view.pan[1] - y) * share] };
}

/** Turned by degrees about the middle of the viewport. */
export function turnedBy(view: View, degrees: number): View {
  const [sine, cosine] = turned(degrees);
  const [x, y] = view.pan;
  const turn = (((view.turn + degrees) % 360) + 360) % 360;
  return { ...view, turn, pan: [cosine * x - sine * y, sine * x + cosine * y] };
}

/** Mirrored as it is on the screen, across or along. */
export function flipped(view: View, along: "across" | "along"): View {
  const turn = along === "across" ? 360 - view.turn : 180 - view.turn;
  const [x, y] = view.pan;
  const pan: Point = along === "across" ? [-x, y] : [x, -y];
  return { ...view, flip: !view.flip, turn: ((turn % 360) + 360) % 360, pan };
}

/** Sine and cosine; exact for quarters of a turn, so that those are exact on the screen. */
function turned(degrees: number): [sine: number, cosine: number] {
  const quarter = (((degrees % 360) + 360) % 360) / 90;
  if (Number.isInteger(quarter)) return [[0, 1], [1, 0], [0, -1], [-1, 0]][quarter] as [number, number];
  return [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
}
