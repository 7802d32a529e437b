// What is measured on an image: lengths, angles, areas, in the units that the image allows.

import { type Calibration, calibrationOf, isSpatial, valueScaleOf } from "./calibration";
import type { Point } from "./geometry";
import type { Samples, ShownImage } from "./seam";
import { inEllipse, inRectangle, probe, type Statistics, statisticsOf } from "./statistics";
import { padding } from "./tables";

/** Kinds of measurement, each with as many points as it needs. */
export const SHAPES = { length: 2, angle: 3, cobb: 4, ellipse: 2, rectangle: 2, probe: 1 } as const;
export type Shape = keyof typeof SHAPES;

/** One number of a measurement; `name` is of the closed list below. */
export interface Figure {
  readonly name: "length" | "width" | "height" | "angle" | "area" | "value" | "mean" | "deviation" | "minimum" | "maximum";
  readonly value: number;
  /** UCUM; "HU" and "SUV" as people say them; "" for none; "px", "px2" for pixels. */
  readonly unit: string;
}

export interface Measured {
  readonly figures: readonly Figure[];
  /** Whose units these are: said beside them where it is not the patient. */
  readonly kind: Calibration["kind"];
  /** Pixels within a region, where there is one. */
  readonly count?: number;
}

/** From one point to another, in units of the calibration. */
function apart(a: Point, b: Point, by: Calibration): Point {
  return [(b[0] - a[0]) * by.x.size, (b[1] - a[1]) * by.y.size];
}

const size = ([x, y]: Point): number => Math.sqrt(x * x + y * y);

/** The angle between two directions, in degrees from 0 to 180. */
function between(a: Point, b: Point): number {
  return (Math.atan2(Math.abs(a[0] * b[1] - a[1] * b[0]), a[0] * b[0] + a[1] * b[1]) * 180) / Math.PI;
}

/** Whether lengths across the image can be told: of a time axis, say, they cannot. */
const square = (by: Calibration): boolean => isSpatial(by) || by.x.unit === "px";

function lengths(a: Point, b: Point, by: Calibration): Figure[] {
  const [x, y] = apart(a, b, by);
  if (square(by)) return [{ name: "length", value: size([x, y]), unit: by.x.unit }];
  return [
    { name: "width", value: Math.abs(x), unit: by.x.unit },
    { name: "height", value: Math.abs(y), unit: by.y.unit },
  ];
}

function angles(a: Point, b: Point, by: Calibration): Figure[] {
  const value = between(a, b);
  return square(by) && Number.isFinite(value) ? [{ name: "angle", value, unit: "deg" }] : [];
}

function area(shape: Shape, a: Point, b: Point, by: Calibration): Figure[] {
  if (!square(by)) return lengths(a, b, by);
  const [x, y] = apart(a, b, by);
  const value = Math.abs(x * y) * (shape === "ellipse" ? Math.PI / 4 : 1);
  return [{ name: "area", value, unit: `${by.x.unit}2` }];
}

function values(found: Statistics, unit: string): Figure[] {
  const { mean, deviation, minimum, maximum } = found;
  return Object.entries({ mean, deviation, minimum, maximum }).map(
    ([name, value]) => ({ name: name as Figure["name"], value, unit }),
  );
}

function paddingOf({ instance }: ShownImage, { data }: Samples): readonly [number, number] | null {
  const signed = data instanceof Int8Array || data instanceof Int16Array || data instanceof Int32Array;
  return padding(instance, signed, data.BYTES_PER_ELEMENT * 8);
}

/** Measure a shape of an image; points in the order in which they were set. */
export function measure(shape: Shape, points: readonly Point[], image: ShownImage): Measured {
  const by = calibrationOf(image.instance, image.frame, points);
  const scale = valueScaleOf(image.instance, image.frame);
  const samples = image.samples;
  const [a, b, c, d] = points as [Point, Point, Point, Point];
  const kind = by.kind;
  switch (shape) {
    case "length":
      return { kind, figures: lengths(a, b, by) };
    case "angle": // at the second point
      return { kind, figures: angles(apart(b, a, by), apart(b, c, by), by) };
    case "cobb": {
      // Between two lines, whichever way they were drawn: never more than a right angle.
      const figures = angles(apart(a, b, by), apart(c, d, by), by);
      return { kind, figures: figures.map((one) => ({ ...one, value: Math.min(one.value, 180 - one.value) })) };
    }
    case "probe": {
      const value = samples && probe(samples, image, a);
      return { kind, figures: value === null ? [] : [{ name: "value", value, unit: scale.unit }] };
    }
    case "ellipse":
    case "rectangle": {
      const within = (shape === "ellipse" ? inEllipse : inRectangle)([a, b]);
      const found = samples && statisticsOf(samples, image, [a, b], within, paddingOf(image, samples));
      const figures = area(shape, a, b, by);
      return found ? { kind, figures: [...figures, ...values(found, scale.unit)], count: found.count } : { kind, figures };
    }
  }
}
