// Segmentations (PS3.3 A.51 and C.8.20): which frames of one lie over an image, and how.

import { type Colour, fromCIELab, ownColour } from "./colours";
import { type Attributes, code, group, item, items, number, numbers, text } from "./dataset";
import { cross, distance, norm, type Plane, planeOf, type Point, toImage, toPatient } from "./geometry";
import type { Numbers } from "./seam";

export interface Segment {
  readonly number: number;
  readonly label: string;
  /** What it is, as the code says: "Liver". */
  readonly type: string;
  readonly colour: Colour;
}

export interface SegmentFrame {
  /** From 1. */
  readonly frame: number;
  /** Null of a label map, whose samples are the numbers of segments. */
  readonly segment: number | null;
  readonly plane: Plane | null;
  /** Images that it was made from; frame 0: all of that instance. */
  readonly sources: readonly { readonly sopInstanceUid: string; readonly frame: number }[];
}

export interface Segmentation {
  readonly sopInstanceUid: string;
  readonly label: string;
  readonly kind: "BINARY" | "FRACTIONAL" | "LABELMAP";
  /** The sample that means all of it. */
  readonly most: number;
  readonly columns: number;
  readonly rows: number;
  readonly segments: readonly Segment[];
  readonly frames: readonly SegmentFrame[];
  /** Millimetres along the normal within which an image is on a frame. */
  readonly reach: number;
  /** The metadata, read as grey: samples are no colours, whatever palette they may have. */
  readonly instance: Attributes;
}

export const SEG_CLASSES = new Set(["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"]);
const DEFAULT_REACH = 0.5;

/** Null of what is no segmentation that we can show. */
export function segmentationOf(instance: Attributes): Segmentation | null {
  const kind = text(instance, "00620001");
  const [columns, rows] = [number(instance, "00280011") ?? 0, number(instance, "00280010") ?? 0];
  if (!SEG_CLASSES.has(text(instance, "00080016")) || columns < 1 || rows < 1) return null;
  if (kind !== "BINARY" && kind !== "FRACTIONAL" && kind !== "LABELMAP") return null;
  const segments = items(instance, "00620002").map(segmentOf);
  const count = number(instance, "00280008") ?? 1;
  const frames = Array.from({ length: count }, (_, at) => frameOf(instance, at + 1, kind));
  const thickness = numbers(group(instance, 1, "00289110") ?? {}, "00180050")[0] ?? 0;
  return {
    sopInstanceUid: text(instance, "00080018"),
    label: text(instance, "00700080") || text(instance, "0008103E"),
    kind,
    most: kind === "FRACTIONAL" ? number(instance, "0062000E") || 255 : 1,
    columns,
    rows,
    // Segment 0 of a label map is what belongs to none.
    segments: kind === "LABELMAP" ? segments.filter((one) => one.number !== 0) : segments,
    frames,
    reach: thickness > 0 ? thickness / 2 : DEFAULT_REACH,
    instance: { ...instance, "00280004": { vr: "CS", Value: ["MONOCHROME2"] } },
  };
}

function segmentOf(of: Attributes): Segment {
  const own = number(of, "00620004") ?? 0;
  return {
    number: own,
    label: text(of, "00620005") || String(own),
    type: code(of, "0062000F")?.meaning ?? "",
    colour: fromCIELab(numbers(of, "0062000D")) ?? ownColour(own),
  };
}

function frameOf(instance: Attributes, frame: number, kind: Segmentation["kind"]): SegmentFrame {
  const sources = items(group(instance, frame, "00089124") ?? {}, "00082112").flatMap((source) => {
    const sopInstanceUid = text(source, "00081155");
    const frames = numbers(source, "00081160");
    return (frames.length > 0 ? frames : [0]).map((one) => ({ sopInstanceUid, frame: one }));
  });
  const named = number(group(instance, frame, "0062000A") ?? {}, "0062000B");
  return {
    frame,
    segment: kind === "LABELMAP" ? null : (named ?? number(item(instance, "00620002"), "00620004") ?? 1),
    plane: planeOf(instance, frame),
    sources,
  };
}

/** An image that segments may lie over. */
export interface Beneath {
  readonly sopInstanceUid: string;
  readonly frame: number;
  readonly plane: Plane | null;
  readonly columns: number;
  readonly rows: number;
}

/**
 * The frames that lie over an image: those that were made from it; of a segmentation that names no
 * image, and of images that it does not name, those whose plane the image is on.
 */
export function framesOver(of: Segmentation, image: Beneath): SegmentFrame[] {
  const named = of.frames.filter(({ sources }) =>
    sources.some((one) => one.sopInstanceUid === image.sopInstanceUid && (one.frame === 0 || one.frame === image.frame)),
  );
  if (named.length > 0 || !image.plane) return named;
  const { plane } = image;
  const near = of.frames.filter(
    (one) =>
      one.plane !== null &&
      one.plane.frameOfReference === plane.frameOfReference &&
      norm(cross(one.plane.normal, plane.normal)) < 1e-3 &&
      Math.abs(distance(one.plane, plane.origin)) <= of.reach + 1e-3,
  );
  // Of each segment the nearest: where planes lie closer than they are thick, two would do.
  const best = new Map<number | null, SegmentFrame>();
  const apart = (one: SegmentFrame): number => Math.abs(distance(one.plane!, plane.origin));
  for (const one of near) {
    const known = best.get(one.segment);
    if (!known || apart(one) < apart(known)) best.set(one.segment, one);
  }
  return [...best.values()];
}

/** The points of an image at which the frame's first corner lies, and the ends of its row and column. */
export function placement(of: Segmentation, frame: SegmentFrame, image: Beneath): readonly [Point, Point, Point] {
  const { columns, rows } = of;
  if (frame.plane && image.plane) {
    const at = (x: number, y: number): Point => toImage(image.plane!, toPatient(frame.plane!, [x, y]));
    return [at(0, 0), at(columns, 0), at(0, rows)];
  }
  return [[0, 0], [image.columns, 0], [0, image.rows]];
}

/**
 * One frame in the colours of its segments, as RGBA.
 *
 * @param shown numbers of segments that are switched on
 */
export function colour(of: Segmentation, frame: SegmentFrame, samples: Numbers, shown: ReadonlySet<number>): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(of.columns * of.rows * 4);
  const colours = new Map(of.segments.filter((one) => shown.has(one.number)).map((one) => [one.number, one.colour]));
  const count = Math.min(samples.length, of.columns * of.rows);
  for (let at = 0; at < count; at++) {
    const sample = samples[at]!;
    if (sample === 0 && frame.segment !== null) continue;
    const found = colours.get(frame.segment ?? sample);
    if (!found) continue;
    out.set(found, at * 4);
    out[at * 4 + 3] = frame.segment === null ? 255 : (255 * sample) / of.most;
  }
  return out;
}
