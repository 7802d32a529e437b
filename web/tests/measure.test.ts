import assert from "node:assert/strict";
import { test } from "node:test";

import { calibrationOf, valueScaleOf } from "../viewer/calibration";
import type { Attributes } from "../viewer/dataset";
import type { Point } from "../viewer/geometry";
import { measure, type Shape } from "../viewer/measure";
import type { Samples, ShownImage } from "../viewer/seam";
import { inEllipse, inRectangle, probe, statisticsOf } from "../viewer/statistics";
import { chance } from "./chance";
import expected from "./expected.json";

/** A data set from numbers and texts by tag. */
function attributes(values: Record<string, number | string | number[] | string[] | Attributes[]>): Attributes {
  return Object.fromEntries(
    Object.entries(values).map(([tag, value]) => [tag, { vr: "UN", Value: Array.isArray(value) ? value : [value] }]),
  );
}

const MODALITY = "00080060";
const SPACING = "00280030";

function image(instance: Attributes, samples: Samples | null = null): ShownImage {
  return {
    studyUid: "1", seriesUid: "1.1", sopInstanceUid: "1.1.1", sopClassUid: "1.2", frame: 1,
    columns: 40, rows: 30, instance, samples,
  };
}

function figures(shape: Shape, points: Point[], of: ShownImage): Record<string, string> {
  const { figures: found } = measure(shape, points, of);
  return Object.fromEntries(found.map((one) => [one.name, `${Number(one.value.toFixed(6))} ${one.unit}`]));
}

test("regions have the numbers that numpy finds", () => {
  const { columns, rows, data, cases } = expected.regions;
  const samples: Samples = { data: Int16Array.from(data), slope: 1.5, intercept: -1000 };
  for (const one of cases) {
    const corners = one.points as unknown as [Point, Point];
    const within = (one.shape === "ellipse" ? inEllipse : inRectangle)(corners);
    const found = statisticsOf(samples, { columns, rows }, corners, within);
    if (one.found === null) {
      assert.equal(found, null);
      continue;
    }
    const told = [found!.count, found!.mean, found!.deviation, found!.minimum, found!.maximum];
    told.forEach((value, at) => {
      const wanted = one.found![at]!;
      assert.ok(Math.abs(value - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)), `${told} for ${one.found}`);
    });
  }
});

test("padding is no part of the image", () => {
  const samples: Samples = { data: Int16Array.from([-2000, 40, 60, -1990]), slope: 1, intercept: 0 };
  const size = { columns: 2, rows: 2 };
  const found = statisticsOf(samples, size, [[0, 0], [2, 2]], () => true, [-2000, -1990])!;
  assert.deepEqual([found.count, found.mean, found.minimum], [2, 50, 40]);
  assert.equal(statisticsOf(samples, size, [[0, 0], [1, 1]], inRectangle([[0, 0], [1, 1]]), [-2000, -1990]), null);
});

test("a slope below nought turns least and most around", () => {
  const samples: Samples = { data: Int16Array.from([1, 2, 3, 6]), slope: -2, intercept: 10 };
  const found = statisticsOf(samples, { columns: 2, rows: 2 }, [[0, 0], [2, 2]], () => true)!;
  assert.deepEqual([found.minimum, found.maximum, found.mean], [-2, 8, 4]);
  assert.equal(found.deviation, 2 * Math.sqrt(3.5));
});

test("a probe tells the pixel that it is in", () => {
  const samples: Samples = { data: Float32Array.from([1, 2, 3, NaN]), slope: 2, intercept: 1 };
  const size = { columns: 2, rows: 2 };
  assert.equal(probe(samples, size, [1.01, 0.99]), 5);
  assert.equal(probe(samples, size, [0.5, 1]), 7);
  assert.equal(probe(samples, size, [1.5, 1.5]), null);
  assert.equal(probe(samples, size, [2, 0]), null);
  assert.equal(probe(samples, size, [-0.1, 0]), null);
});

test("lengths and areas are in millimetres of the patient where there is Pixel Spacing", () => {
  const ct = image(attributes({ [MODALITY]: "CT", [SPACING]: [0.5, 2] }));
  assert.deepEqual(figures("length", [[0, 0], [3, 16]], ct), { length: "10 mm" });
  assert.deepEqual(figures("rectangle", [[4, 8], [1, 2]], ct), { area: "18 mm2" });
  assert.deepEqual(figures("ellipse", [[0, 0], [1, 4]], ct), { area: "3.141593 mm2" });
  assert.equal(measure("length", [[0, 0], [1, 1]], ct).kind, "patient");
});

test("angles are of the patient, not of the pixels", () => {
  const ct = image(attributes({ [MODALITY]: "CT", [SPACING]: [1, 2] }));
  assert.deepEqual(figures("angle", [[1, 0], [0, 0], [1, 2]], ct), { angle: "45 deg" });
  assert.deepEqual(figures("angle", [[1, 0], [0, 0], [-3, 0]], ct), { angle: "180 deg" });
  assert.deepEqual(figures("cobb", [[0, 0], [1, 2], [9, 0], [8, 0]], ct), { angle: "45 deg" });
});

test("an angle does not change when the image is turned or moved", () => {
  const random = chance(5);
  const plain = image(attributes({}));
  for (let i = 0; i < 100; i++) {
    const points: Point[] = [0, 1, 2].map(() => [random() * 30, random() * 30]);
    const [turn, x, y] = [random() * 7, random() * 9, random() * 9];
    const [c, s] = [Math.cos(turn), Math.sin(turn)];
    const turned = points.map(([a, b]): Point => [c * a - s * b + x, s * a + c * b + y]);
    const value = (of: Point[]): number => measure("angle", of, plain).figures[0]!.value;
    assert.ok(Math.abs(value(points) - value(turned)) < 1e-9);
  }
});

test("of projections it is said whose millimetres they are", () => {
  const kind = (values: Parameters<typeof attributes>[0]): string =>
    calibrationOf(attributes({ [MODALITY]: "DX", ...values }), 1, []).kind;
  assert.equal(kind({ "00181164": [0.1, 0.1] }), "detector");
  assert.equal(kind({ "00181164": [0.1, 0.1], [SPACING]: [0.1, 0.1] }), "detector");
  assert.equal(kind({ [SPACING]: [0.1, 0.1] }), "detector");
  assert.equal(kind({ "00181164": [0.1, 0.1], [SPACING]: [0.08, 0.08] }), "calibrated");
  assert.equal(kind({ [SPACING]: [0.1, 0.1], "00280A02": "FIDUCIAL" }), "calibrated");
  assert.equal(kind({ "00182010": [0.1, 0.1] }), "film");
  assert.equal(kind({}), "none");
  assert.equal(kind({ [SPACING]: [0, 0] }), "none");
});

test("without any, pixels are counted; those that are not square have their aspect", () => {
  assert.deepEqual(figures("length", [[0, 0], [3, 4]], image(attributes({}))), { length: "5 px" });
  const tall = image(attributes({ "00280034": [2, 1] }));
  assert.deepEqual(figures("length", [[0, 0], [3, 2]], tall), { length: "5 px" });
});

test("ultrasound is measured in its regions: centimetres, time, and nothing across them", () => {
  const region = (left: number, units: [number, number], sizes: [number, number], flags = 0): Attributes =>
    attributes({
      "00186018": left, "0018601A": 0, "0018601C": left + 9, "0018601E": 19, "00186016": flags,
      "00186024": units[0], "00186026": units[1], "0018602C": sizes[0], "0018602E": sizes[1],
    });
  const us = image(attributes({
    [MODALITY]: "US",
    "00186011": [region(0, [3, 3], [0.01, 0.02]), region(10, [4, 7], [0.005, -2]), region(20, [0, 0], [0, 0])],
  }));
  assert.deepEqual(figures("length", [[0, 0], [3, 2]], us), { length: "0.5 mm" });
  assert.deepEqual(figures("length", [[12, 3], [16, 1]], us), { width: "0.02 s", height: "4 cm/s" });
  assert.deepEqual(figures("angle", [[12, 3], [16, 1], [14, 9]], us), {}); // of time and speed
  assert.deepEqual(figures("length", [[5, 5], [15, 5]], us), { length: "10 px" });
  assert.deepEqual(figures("length", [[22, 5], [25, 5]], us), { length: "3 px" });
  const over = image(attributes({ "00186011": [region(0, [3, 3], [1, 1], 1), region(0, [3, 3], [2, 2], 0)] }));
  assert.deepEqual(figures("length", [[1, 1], [2, 1]], over), { length: "20 mm" }); // high priority first
});

test("values have a unit only where the file is sure of it", () => {
  const unit = (values: Parameters<typeof attributes>[0]): string => valueScaleOf(attributes(values), 1).unit;
  const ct = { [MODALITY]: "CT", "00281053": 1, "00281052": -1024 };
  assert.equal(unit({ ...ct, "00281054": "HU" }), "HU");
  assert.equal(unit({ ...ct, "00080008": ["ORIGINAL", "PRIMARY", "AXIAL"] }), "HU");
  assert.equal(unit({ ...ct, "00080008": ["ORIGINAL", "PRIMARY", "LOCALIZER"] }), "");
  assert.equal(unit({ ...ct, "00080008": ["DERIVED", "PRIMARY"] }), "");
  assert.equal(unit({ ...ct, "00281054": "US" }), "");
  assert.equal(unit({ [MODALITY]: "PT", "00541001": "GML" }), "SUV");
  assert.equal(unit({ [MODALITY]: "PT", "00541001": "GML", "00541006": "BW" }), "SUV");
  assert.equal(unit({ [MODALITY]: "PT", "00541001": "GML", "00541006": "LBMJAMES128" }), "");
  assert.equal(unit({ [MODALITY]: "PT", "00541001": "BQML", "00281054": "US" }), "Bq/ml");
  assert.equal(unit({ [MODALITY]: "MR" }), "");
  const scale = valueScaleOf(attributes(ct), 1);
  assert.deepEqual([scale.slope, scale.intercept], [1, -1024]);
});

test("a region without samples has an area, one with them its values in their unit", () => {
  const instance = attributes({ [MODALITY]: "CT", [SPACING]: [1, 1], "00281054": "HU" });
  const samples: Samples = { data: new Int16Array(1200).fill(30), slope: 2, intercept: -10 };
  assert.deepEqual(figures("rectangle", [[1, 1], [3, 3]], image(instance)), { area: "4 mm2" });
  const found = measure("rectangle", [[1, 1], [3, 3]], image(instance, samples));
  assert.equal(found.count, 4);
  assert.deepEqual(figures("rectangle", [[1, 1], [3, 3]], image(instance, samples)), {
    area: "4 mm2", mean: "50 HU", deviation: "0 HU", minimum: "50 HU", maximum: "50 HU",
  });
  assert.deepEqual(figures("probe", [[1, 1]], image(instance, samples)), { value: "50 HU" });
  assert.deepEqual(figures("probe", [[1, 1]], image(instance)), {});
});
