// Where labels go: beside what they are of, never over it, and over each other only if that must be.

import type { Point } from "./geometry";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const GAP = 10;

/** The smallest box around points. */
export function around(points: readonly Point[]): Box {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** The area that two boxes share. */
export function shared(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/**
 * Where a label goes. It leaves free its own finding and, as far as that can be, what is taken by
 * others, and stays within the viewport.
 *
 * @param finding what it belongs to, on the screen
 * @param size of the label
 * @param within of the viewport
 * @param taken other findings and labels
 */
export function placed(finding: Box, size: { width: number; height: number }, within: { width: number; height: number }, taken: readonly Box[]): Box {
  const [middle, centre] = [finding.y + finding.height / 2 - size.height / 2, finding.x + finding.width / 2 - size.width / 2];
  const [right, left] = [finding.x + finding.width + GAP, finding.x - GAP - size.width];
  const [above, below] = [finding.y - GAP - size.height, finding.y + finding.height + GAP];
  const corners: Point[] = [
    [right, middle], [left, middle], [centre, below], [centre, above],
    [right, above], [right, below], [left, above], [left, below],
    // Of a finding as large as the viewport: at the viewport's edges.
    [within.width, 0], [0, 0], [within.width, within.height], [0, within.height],
  ];
  let best: Box | null = null;
  let least = Infinity;
  for (const [x, y] of corners) {
    const box = {
      x: Math.max(0, Math.min(within.width - size.width, x)),
      y: Math.max(0, Math.min(within.height - size.height, y)),
      ...size,
    };
    // Its own finding weighs most; the first of equals, in the order above.
    const cost = shared(box, finding) * 100 + taken.reduce((sum, one) => sum + shared(box, one), 0);
    if (cost < least) [best, least] = [box, cost];
  }
  return best!;
}
