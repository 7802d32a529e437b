// Viewports that follow each other: to the same place in the patient, and to the same window.

import { distance, dot, nearest } from "./geometry";
import type { Viewport } from "./viewport";

/** Stacks whose normals differ by more (cosine, 25 degrees) do not scroll together. */
const ALIKE = 0.9;

/** Scroll others to where this one is; those of another frame of reference or direction stay. */
export function follow(leader: Viewport, others: Iterable<Viewport>): void {
  const plane = leader.frame?.plane;
  if (!plane) return;
  for (const other of others) {
    const own = other.frame?.plane;
    if (other === leader || !own || !other.series) continue;
    if (own.frameOfReference !== plane.frameOfReference || Math.abs(dot(own.normal, plane.normal)) < ALIKE) continue;
    const place = plane.origin;
    const planes = other.series.frames.map((frame) => frame.plane);
    const index = nearest(planes, place);
    const found = planes[index];
    // Beyond its ends a stack does not stay at its last image as if that were the place.
    if (found && Math.abs(distance(found, place)) <= reach(planes.length > 1 ? Math.abs(distance(planes[0]!, planes.at(-1)!.origin)) / (planes.length - 1) : 0)) other.scrollTo(index);
  }
}

/** Millimetres from its last image that still are its place: a slice, and at least 5. */
const reach = (spacing: number): number => Math.max(spacing, 5);

/** Let others of the same unit be seen as this one. */
export function share(leader: Viewport, others: Iterable<Viewport>): void {
  for (const other of others) {
    if (other === leader || other.shown?.look.unit !== leader.shown?.look.unit) continue;
    other.change({ choice: leader.choice });
  }
}
