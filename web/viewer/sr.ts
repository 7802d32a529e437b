// Measurements in structured reports (PS3.16 TID 1500 and what resembles it): numbers and drawings.

import { type Attributes, code, type Code, items, number, numbers, text, texts } from "./dataset";
import { distance, type Plane, type Point, toImage, type Vector } from "./geometry";

export type Drawing = "POINT" | "MULTIPOINT" | "POLYLINE" | "POLYGON" | "CIRCLE" | "ELLIPSE" | "ELLIPSOID";

/** Something drawn on an image (SCOORD) or in the patient (SCOORD3D). */
export interface Graphic {
  readonly drawing: Drawing;
  /** Points of the image as ours are; empty of what is in the patient. */
  readonly points: readonly Point[];
  /** Millimetres; empty of what is on an image. */
  readonly places: readonly Vector[];
  readonly sopInstanceUid: string;
  /** Frames that it is on; empty: all of the instance. */
  readonly frames: readonly number[];
  readonly frameOfReference: string;
}

export interface Reading {
  readonly name: string;
  /** "Mean" and its like; empty of a number as it is. */
  readonly derivation: string;
  readonly value: number;
  /** As people write it: "mm", "HU"; "" for none. */
  readonly unit: string;
}

/** One group: what was measured of one thing. */
export interface Group {
  readonly label: string;
  readonly trackingUid: string;
  readonly finding: string;
  readonly readings: readonly Reading[];
  readonly graphics: readonly Graphic[];
}

export interface Report {
  readonly sopInstanceUid: string;
  readonly title: string;
  readonly observer: string;
  readonly date: string;
  readonly time: string;
  readonly groups: readonly Group[];
}

const CHILDREN = "0040A730";
const GROUP = "125007";
const TRACKING = "112039";
const TRACKING_UID = "112040";
const FINDING = "121071";
const OBSERVER = "121008";
const DERIVATION = "121401";
/** Deeper than any template; a file may claim more. */
const DEEPEST = 40;
const WRITTEN: Readonly<Record<string, string>> = {
  "[hnsf'U]": "HU", "{SUVbw}g/ml": "SUV", "1": "", "{pixels}": "px", mm2: "mm²", cm2: "cm²", mm3: "mm³", cm3: "cm³", deg: "°", um: "µm", um2: "µm²",
};

const concept = (of: Attributes): Code => code(of, "0040A043") ?? { value: "", scheme: "", meaning: "" };
const kind = (of: Attributes): string => text(of, "0040A040");

/** A report, or null of what is no structured report. Groups without number and drawing are left out. */
export function reportOf(instance: Attributes): Report | null {
  if (kind(instance) !== "CONTAINER") return null;
  const groups: Group[] = [];
  let observer = "";
  const walk = (of: Attributes, depth: number): void => {
    if (depth > DEEPEST) return;
    for (const child of items(of, CHILDREN)) {
      const { value } = concept(child);
      if (value === OBSERVER && !observer) observer = name(child);
      // A group of TID 1500; elsewhere any number that stands by itself.
      if (kind(child) === "CONTAINER" && value === GROUP) groups.push(groupOf(child));
      else if (kind(child) === "NUM") groups.push(groupOf({ [CHILDREN]: { vr: "SQ", Value: [child] } }));
      else walk(child, depth + 1);
    }
  };
  walk(instance, 0);
  return {
    sopInstanceUid: text(instance, "00080018"),
    title: concept(instance).meaning,
    observer,
    date: text(instance, "00080023"),
    time: text(instance, "00080033"),
    groups: groups.filter((one) => one.readings.length > 0 || one.graphics.length > 0),
  };
}

function name(of: Attributes): string {
  const [value] = of["0040A123"]?.Value ?? [];
  if (typeof value === "string") return value.replaceAll("^", " ").trim();
  const forms = typeof value === "object" && value !== null ? (value as Record<string, string>) : {};
  const form = forms["Ideographic"] ?? forms["Alphabetic"] ?? "";
  return String(form).replaceAll("^", " ").trim();
}

function groupOf(of: Attributes): Group {
  const found = { label: "", trackingUid: "", finding: "" };
  const readings: Reading[] = [];
  const graphics: Graphic[] = [];
  const drawn = new Set<string>();
  const walk = (parent: Attributes, depth: number): void => {
    if (depth > DEEPEST) return;
    for (const child of items(parent, CHILDREN)) {
      const { value, meaning } = concept(child);
      if (value === TRACKING) found.label = text(child, "0040A160");
      else if (value === TRACKING_UID) found.trackingUid = text(child, "0040A124");
      else if (value === FINDING) found.finding = code(child, "0040A168")?.meaning ?? text(child, "0040A160");
      if (kind(child) === "NUM") readings.push(...readingOf(child, meaning));
      if (kind(child) === "SCOORD" || kind(child) === "SCOORD3D") {
        const graphic = graphicOf(child);
        // Each number of a group may repeat what it was inferred from.
        const key = JSON.stringify(graphic);
        if (graphic && !drawn.has(key)) graphics.push(graphic);
        drawn.add(key);
      }
      walk(child, depth + 1);
    }
  };
  walk(of, 0);
  return { ...found, readings, graphics };
}

function readingOf(of: Attributes, meaning: string): Reading[] {
  const [measured] = items(of, "0040A300");
  if (!measured) return [];
  const value = number(measured, "0040A161") ?? number(measured, "0040A30A");
  if (value === undefined) return [];
  const unit = code(measured, "004008EA");
  const derived = items(of, CHILDREN).find((child) => concept(child).value === DERIVATION);
  const derivation = (derived && code(derived, "0040A168")?.meaning) ?? "";
  return [{ name: meaning, derivation, value, unit: WRITTEN[unit?.value ?? ""] ?? unit?.value ?? "" }];
}

function graphicOf(of: Attributes): Graphic | null {
  const drawing = text(of, "00700023") as Drawing;
  const data = numbers(of, "00700022");
  if (kind(of) === "SCOORD3D") {
    const places = chunks(data, 3) as unknown as Vector[];
    const frameOfReference = text(of, "30060024");
    return places.length > 0 ? { drawing, points: [], places, sopInstanceUid: "", frames: [], frameOfReference } : null;
  }
  const image = items(of, CHILDREN).find((child) => kind(child) === "IMAGE");
  const reference = image && items(image, "00081199")[0];
  const points = chunks(data, 2) as unknown as Point[];
  if (!reference || points.length === 0) return null;
  const [sopInstanceUid, frames] = [text(reference, "00081155"), numbers(reference, "00081160")];
  return { drawing, points, places: [], sopInstanceUid, frames, frameOfReference: "" };
}

function chunks(data: readonly number[], size: number): number[][] {
  const out: number[][] = [];
  for (let at = 0; at + size <= data.length; at += size) out.push(data.slice(at, at + size));
  return out;
}

/** How far, in millimetres, something of the patient may be from a plane and still be drawn on it. */
const REACH = 0.5;

/** What of a graphic is on an image, in its points; null where it is not on it. */
export function on(graphic: Graphic, image: { sopInstanceUid: string; frame: number; plane: Plane | null }): readonly Point[] | null {
  if (graphic.points.length > 0) {
    const here = graphic.sopInstanceUid === image.sopInstanceUid;
    return here && (graphic.frames.length === 0 || graphic.frames.includes(image.frame)) ? graphic.points : null;
  }
  const { plane } = image;
  if (!plane || (graphic.frameOfReference && graphic.frameOfReference !== plane.frameOfReference)) return null;
  const reach = Math.max(REACH, Math.min(...plane.spacing));
  if (graphic.places.some((place) => Math.abs(distance(plane, place)) > reach)) return null;
  return graphic.places.map((place) => toImage(plane, place));
}

/**
 * The outline of a graphic as points of lines: of ellipses (the ends of their axes) and circles
 * (centre, and a point on it; PS3.3 C.18.6.1.2) a polygon. `closed`: the last point joins the first.
 */
export function outline(drawing: Drawing, points: readonly Point[]): { lines: readonly Point[]; closed: boolean } {
  const turn = (centre: Point, a: Point, b: Point): Point[] =>
    Array.from({ length: 64 }, (_, at) => {
      const [c, s] = [Math.cos((at * Math.PI) / 32), Math.sin((at * Math.PI) / 32)];
      return [centre[0] + c * a[0] + s * b[0], centre[1] + c * a[1] + s * b[1]];
    });
  const half = (from: Point, to: Point): Point => [(to[0] - from[0]) / 2, (to[1] - from[1]) / 2];
  const [p, q, r, s] = points;
  if (drawing === "ELLIPSE" && p && q && r && s) {
    return { lines: turn([(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], half(p, q), half(r, s)), closed: true };
  }
  if (drawing === "CIRCLE" && p && q) {
    const [x, y] = [q[0] - p[0], q[1] - p[1]];
    return { lines: turn(p, [x, y], [-y, x]), closed: true };
  }
  return { lines: points, closed: drawing === "POLYGON" };
}

/** All instances that a report's drawings name. */
export const imagesOf = (report: Report): ReadonlySet<string> =>
  new Set(report.groups.flatMap((one) => one.graphics.map((graphic) => graphic.sopInstanceUid)).filter(Boolean));

/** SOP classes of structured reports: all are in this branch (PS3.4 B.5). */
export const isReport = (instance: Attributes): boolean => texts(instance, "00080016").some((uid) => uid.startsWith("1.2.840.10008.5.1.4.1.1.88."));
