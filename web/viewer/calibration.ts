// What a pixel measures: in the patient, at the detector, in a region of ultrasound, or nothing.

import { type Attributes, frameNumbers, group, item, items, number, numbers, text, texts } from "./dataset";
import type { Point } from "./geometry";

/** A pixel's extent along one direction. */
export interface Axis {
  /** UCUM: "mm", "s", "Hz", "cm/s", "cm2" ...; "px" where nothing is known. */
  readonly unit: string;
  /** Units for one pixel; of pixels that are not square in "px": the aspect. */
  readonly size: number;
}

export interface Calibration {
  /**
   * - patient: millimetres in the patient (Pixel Spacing).
   * - calibrated: as patient, of a projection that was calibrated by an object or by geometry.
   * - detector: millimetres at the plane of the detector; the patient is smaller.
   * - film: millimetres on the film that was scanned.
   * - ultrasound: as the region says (PS3.3 C.8.5.5).
   * - none: pixels.
   */
  readonly kind: "patient" | "calibrated" | "detector" | "film" | "ultrasound" | "none";
  readonly x: Axis;
  readonly y: Axis;
}

/** Whether lengths and areas mean something: the same unit in both directions, and one of length. */
export const isSpatial = (by: Calibration): boolean => by.x.unit === "mm" && by.y.unit === "mm";

const REGIONS = "00186011";
// PS3.3 C.8.5.5.1.15: Physical Units X and Y Direction.
const UNITS = ["", "%", "dB", "cm", "s", "Hz", "dB/s", "cm/s", "cm2", "cm2/s", "cm3", "cm3/s", "deg"];
/** Modalities whose rays diverge between patient and detector. */
const PROJECTIONS = new Set(["CR", "DX", "MG", "XA", "RF", "RG", "IO", "PX", "DR"]);

/**
 * The calibration that holds for all of some points of an image. In ultrasound that is of a region
 * that has them all: between regions nothing can be measured.
 *
 * @param frame from 1
 */
export function calibrationOf(instance: Attributes, frame: number, points: readonly Point[]): Calibration {
  const regions = items(instance, REGIONS);
  if (regions.length > 0) return ofRegions(regions, points) ?? pixels(instance);
  const spacing = frameNumbers(instance, frame, "00289110", "00280030");
  const detector = numbers(instance, "00181164");
  const millimetres = (kind: Calibration["kind"], [rows, columns]: number[]): Calibration => ({
    kind,
    x: { unit: "mm", size: columns! },
    y: { unit: "mm", size: rows! },
  });
  if (isSpacing(spacing)) {
    if (!isProjection(instance, frame)) return millimetres("patient", spacing);
    // PS3.3 10.7.1.3: equal ones say that nobody corrected for magnification.
    const same = isSpacing(detector) && detector[0] === spacing[0] && detector[1] === spacing[1];
    const corrected = text(instance, "00280A02") !== "" || (isSpacing(detector) && !same);
    return millimetres(corrected ? "calibrated" : "detector", spacing);
  }
  if (isSpacing(detector)) return millimetres("detector", detector);
  const scanned = numbers(instance, "00182010");
  if (isSpacing(scanned)) return millimetres("film", scanned);
  return pixels(instance);
}

function isSpacing(of: readonly number[]): boolean {
  return of.length === 2 && of[0]! > 0 && of[1]! > 0;
}

/** A projection is not what has a position in the patient, whatever its modality (tomosynthesis). */
function isProjection(instance: Attributes, frame: number): boolean {
  const placed = frameNumbers(instance, frame, "00209113", "00200032").length === 3;
  return PROJECTIONS.has(text(instance, "00080060")) && !placed;
}

function pixels(instance: Attributes): Calibration {
  // PS3.3 C.7.6.3.1.7: vertical over horizontal.
  const aspect = numbers(instance, "00280034");
  const high = isSpacing(aspect) ? aspect[0]! / aspect[1]! : 1;
  return { kind: "none", x: { unit: "px", size: 1 }, y: { unit: "px", size: high } };
}

function ofRegions(regions: readonly Attributes[], points: readonly Point[]): Calibration | undefined {
  const inside = regions.filter((region) => {
    const [left, top] = [number(region, "00186018"), number(region, "0018601A")];
    const [right, bottom] = [number(region, "0018601C"), number(region, "0018601E")];
    if (left === undefined || top === undefined || right === undefined || bottom === undefined) return false;
    // The bounds are pixels, both of which belong to it (C.8.5.5.1.4).
    return points.every(([x, y]) => x >= left && x <= right + 1 && y >= top && y <= bottom + 1);
  });
  // Bit 0 of the flags: of overlapping regions those with 0 go first (C.8.5.5.1.3).
  const priority = (region: Attributes): number => (number(region, "00186016") ?? 0) & 1;
  const region = inside.sort((a, b) => priority(a) - priority(b))[0];
  if (!region) return undefined;
  const axis = (units: string, delta: string): Axis | undefined => {
    const unit = UNITS[number(region, units) ?? 0];
    const size = Math.abs(number(region, delta) ?? 0);
    if (!unit || size === 0) return undefined;
    return unit === "cm" ? { unit: "mm", size: size * 10 } : { unit, size };
  };
  const x = axis("00186024", "0018602C");
  const y = axis("00186026", "0018602E");
  return x && y ? { kind: "ultrasound", x, y } : undefined;
}

/** What stored numbers become (PS3.3 C.11.1). */
export interface ValueScale {
  readonly slope: number;
  readonly intercept: number;
  /** "HU", "SUV", a unit of UCUM; "" where none is said. */
  readonly unit: string;
}

const UNSPECIFIED = new Set(["", "US"]);
/** Characters of a unit: it is kept as a code value. */
const LONGEST = 16;

/**
 * Slope, intercept and unit of a frame's values after the modality LUT.
 *
 * "HU" where Rescale Type says so, or a CT image that may not omit it otherwise (C.8.2.1.1.2: not of
 * a localizer). "SUV" (by body weight) only where the file itself is in g/ml: we calculate none. A PET's unit else is
 * what Units says.
 *
 * @param frame from 1
 */
export function valueScaleOf(instance: Attributes, frame: number): ValueScale {
  const transform = group(instance, frame, "00289145") ?? instance;
  const slope = number(transform, "00281053") ?? 1;
  const intercept = number(transform, "00281052") ?? 0;
  return { slope: slope === 0 ? 1 : slope, intercept, unit: valueUnit(instance, text(transform, "00281054")) };
}

function valueUnit(instance: Attributes, type: string): string {
  const modality = text(instance, "00080060");
  if (modality === "PT") {
    const units = text(instance, "00541001");
    if (units === "GML") return ["", "BW"].includes(text(instance, "00541006")) ? "SUV" : "";
    return units === "BQML" ? "Bq/ml" : units === "CNTS" || units === "NONE" ? "" : units.slice(0, LONGEST);
  }
  if (!UNSPECIFIED.has(type)) return type.slice(0, LONGEST);
  const kinds = texts(instance, "00080008");
  const isCT = modality === "CT" && type === "" && number(instance, "00281053") !== undefined;
  return isCT && kinds[0] === "ORIGINAL" && !kinds.includes("LOCALIZER") ? "HU" : "";
}

/** Whether a table makes the values (Modality LUT Sequence): slope and intercept do not then. */
export const hasModalityTable = (instance: Attributes): boolean => Object.keys(item(instance, "00283000")).length > 0;
