// Measurements as SVG: what is drawn on the screen of points of the image.

import type { Point } from "./geometry";
import type { Shape } from "./measure";
import { outline } from "./sr";

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes. */
export function svg<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Readonly<Record<string, string | number>> = {}): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** The lines of a shape in points of the image: each an outline, perhaps closed. */
export function linesOf(shape: Shape, points: readonly Point[]): { lines: readonly Point[]; closed: boolean }[] {
  const [a, b] = points;
  if (!a) return [];
  if (!b) return [];
  const [[x0, y0], [x1, y1]] = [a, b];
  switch (shape) {
    case "cobb":
      return [points.slice(0, 2), points.slice(2, 4)].filter((one) => one.length === 2).map((lines) => ({ lines, closed: false }));
    case "rectangle":
      return [{ lines: [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], closed: true }];
    case "ellipse":
      return [outline("ELLIPSE", [[x0, (y0 + y1) / 2], [x1, (y0 + y1) / 2], [(x0 + x1) / 2, y0], [(x0 + x1) / 2, y1]])];
    default:
      return [{ lines: points, closed: false }];
  }
}

/** Lines on the screen as the `d` of a path. */
export function path(lines: readonly Point[], closed: boolean): string {
  const steps = lines.map(([x, y], at) => `${at === 0 ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`);
  return steps.join("") + (closed ? "Z" : "");
}

/** A small cross at a point, for what has no extent. */
export function cross([x, y]: Point, size = 6): string {
  return `M${x - size} ${y}L${x + size} ${y}M${x} ${y - size}L${x} ${y + size}`;
}

/** The four corners of a region, from its two; of other shapes their points. Each tells what it moves. */
export function handlesOf(shape: Shape, points: readonly Point[]): { at: Point; moved(to: Point): Point[] }[] {
  const [a, b] = points;
  if ((shape === "ellipse" || shape === "rectangle") && a && b) {
    return [
      { at: a, moved: (to) => [to, b] },
      { at: [b[0], a[1]], moved: ([x, y]) => [[a[0], y], [x, b[1]]] },
      { at: b, moved: (to) => [a, to] },
      { at: [a[0], b[1]], moved: ([x, y]) => [[x, a[1]], [b[0], y]] },
    ];
  }
  return points.map((at, number) => ({ at, moved: (to) => points.map((one, other) => (other === number ? to : one)) }));
}
