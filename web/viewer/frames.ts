// The frames of a series in the order in which one scrolls through them.

import { aspectOf, stored } from "./described";
import { type Attributes, number, text } from "./dataset";
import { dot, type Plane, planeOf } from "./geometry";

export interface Frame {
  /** Of one frame within a study. */
  readonly key: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** From 1, as DICOM counts. */
  readonly frame: number;
  readonly instance: Attributes;
  readonly plane: Plane | null;
  /** Millimetres along the normal of the stack; null where the image does not say where it is. */
  readonly position: number | null;
  readonly columns: number;
  readonly rows: number;
  readonly aspect: number;
  /** Of its samples, decoded. */
  readonly bytes: number;
}

/** Orientations that differ by less (cosine of the angle, 0.8 degrees) are of one stack. */
const SAME = 0.9999;
/** Positions closer than this, in millimetres, are one. */
const CLOSE = 1e-3;

/** Whether an instance has pixels that can be shown here. */
export const isImage = (instance: Attributes): boolean =>
  (number(instance, "00280010") ?? 0) > 0 && (number(instance, "00280011") ?? 0) > 0;

/** All frames of the instances of a series, unsorted. */
export function framesOf(instances: readonly Attributes[]): Frame[] {
  return instances.filter(isImage).flatMap((instance) => {
    const count = Math.max(number(instance, "00280008") ?? 1, 1);
    const how = stored(instance);
    const bytes = how.columns * how.rows * (how.samples === 1 ? Math.max(how.bitsAllocated >> 3, 1) : how.samples);
    const sopInstanceUid = text(instance, "00080018");
    return Array.from({ length: count }, (_, index) => ({
      key: `${sopInstanceUid}/${index + 1}`,
      studyUid: text(instance, "0020000D"),
      seriesUid: text(instance, "0020000E"),
      sopInstanceUid,
      sopClassUid: text(instance, "00080016"),
      frame: index + 1,
      instance,
      plane: planeOf(instance, index + 1),
      position: null,
      columns: how.columns,
      rows: how.rows,
      aspect: aspectOf(instance, index + 1),
      bytes,
    }));
  });
}

/**
 * Sort frames as one scrolls: by position along the normal of their orientation, in the direction in
 * which Instance Number counts. Images of several orientations, as of localizers, keep together by
 * orientation; where a position comes again and again, as in perfusion, volume follows volume. Frames
 * without a position stand in the order of Instance Number.
 */
export function sorted(frames: readonly Frame[]): Frame[] {
  const numbered = [...frames].sort(byNumber);
  const groups: Frame[][] = [];
  const placeless: Frame[] = [];
  for (const frame of numbered) {
    if (!frame.plane) placeless.push(frame);
    else {
      const normal = frame.plane.normal;
      const group = groups.find(([first]) => dot(first!.plane!.normal, normal) > SAME);
      if (group) group.push(frame);
      else groups.push([frame]);
    }
  }
  return [...groups.flatMap(stacked), ...placeless];
}

const byNumber = (a: Frame, b: Frame): number =>
  (number(a.instance, "00200013") ?? 0) - (number(b.instance, "00200013") ?? 0) ||
  (a.sopInstanceUid < b.sopInstanceUid ? -1 : a.sopInstanceUid > b.sopInstanceUid ? 1 : a.frame - b.frame);

/** One group of an orientation, which comes in the order of Instance Number. */
function stacked(group: readonly Frame[]): Frame[] {
  const normal = group[0]!.plane!.normal;
  const placed = group.map((frame, number) => ({
    frame: { ...frame, position: dot(frame.plane!.origin, normal) },
    number,
    again: 0,
  }));
  placed.sort((a, b) => a.frame.position - b.frame.position || a.number - b.number);
  let before: (typeof placed)[number] | undefined;
  let trend = 0;
  const middle = (group.length - 1) / 2;
  placed.forEach((one, rank) => {
    const same = before !== undefined && one.frame.position - before.frame.position < CLOSE;
    one.again = same ? before!.again + 1 : 0;
    trend += (one.number - middle) * (rank - middle);
    before = one;
  });
  const direction = trend < 0 ? -1 : 1;
  placed.sort((a, b) => a.again - b.again || direction * (a.frame.position - b.frame.position) || a.number - b.number);
  return placed.map((one) => one.frame);
}
