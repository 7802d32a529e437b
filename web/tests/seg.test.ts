import assert from "node:assert/strict";
import { test } from "node:test";

import { fromCIELab, ownColour } from "../viewer/colours";
import type { Attributes } from "../viewer/dataset";
import { makePlane, type Point } from "../viewer/geometry";
import { type Beneath, colour, framesOver, placement, segmentationOf } from "../viewer/seg";
import { imagesOf, on, outline, reportOf } from "../viewer/sr";
import expected from "./expected.json";

const value = (vr: string, ...values: unknown[]) => ({ vr, Value: values });
const sequence = (...values: Attributes[]) => value("SQ", ...values);

test("colours are as highdicom has them", () => {
  for (const [stored, wanted] of expected.colours as [number[], number[]][]) {
    const found = fromCIELab(stored)!;
    // Both round, and know the white to five digits.
    found.forEach((one, at) => assert.ok(Math.abs(one - wanted[at]!) <= 1, `${stored}: ${found} for ${wanted}`));
  }
  assert.equal(fromCIELab([]), null);
  assert.equal(fromCIELab([1, 2]), null);
  assert.equal(fromCIELab([1, 2, 65536]), null);
});

const ORIENTATION = [1, 0, 0, 0, 1, 0];

function frame(segment: number, z: number, source?: string, sourceFrame?: number): Attributes {
  return {
    "00209113": sequence({ "00200032": value("DS", 10, 20, z) }),
    "0062000A": sequence({ "0062000B": value("US", segment) }),
    ...(source && {
      "00089124": sequence({
        "00082112": sequence({ "00081155": value("UI", source), ...(sourceFrame && { "00081160": value("IS", sourceFrame) }) }),
      }),
    }),
  };
}

function seg(kind: string, frames: Attributes[], more: Attributes = {}): Attributes {
  return {
    "00080016": value("UI", "1.2.840.10008.5.1.4.1.1.66.4"),
    "00080018": value("UI", "1.9"),
    "00200052": value("UI", "1.2"),
    "00280008": value("IS", frames.length),
    "00280010": value("US", 2),
    "00280011": value("US", 3),
    "00620001": value("CS", kind),
    "00620002": sequence(
      { "00620004": value("US", 1), "00620005": value("LO", "Liver"), "0062000D": value("US", 65535, 32896, 32896) },
      { "00620004": value("US", 2), "0062000F": sequence({ "00080104": value("LO", "Spleen") }) },
    ),
    "52009229": sequence({
      "00209116": sequence({ "00200037": value("DS", ...ORIENTATION) }),
      "00289110": sequence({ "00280030": value("DS", 2, 2), "00180050": value("DS", 3) }),
    }),
    "52009230": sequence(...frames),
    ...more,
  };
}

function image(sopInstanceUid: string, z: number, frameNumber = 1): Beneath {
  const plane = makePlane([9.5, 19.5, z], ORIENTATION, [1, 1], { columns: 6, rows: 4 }, "1.2");
  return { sopInstanceUid, frame: frameNumber, plane, columns: 6, rows: 4 };
}

test("segments have names and colours, those recommended first", () => {
  const found = segmentationOf(seg("BINARY", [frame(1, 0)]))!;
  assert.deepEqual(found.segments, [
    { number: 1, label: "Liver", type: "", colour: [255, 255, 255] },
    { number: 2, label: "2", type: "Spleen", colour: ownColour(2) },
  ]);
  assert.equal(segmentationOf({ ...seg("BINARY", []), "00080016": value("UI", "1.2") }), null);
  assert.equal(segmentationOf(seg("OTHER", [])), null);
  assert.equal(segmentationOf({}), null);
});

test("frames lie over the images that they name", () => {
  const found = segmentationOf(seg("BINARY", [frame(1, 0, "1.1"), frame(2, 0, "1.1", 2), frame(1, 5, "1.2")]))!;
  const over = (of: Beneath): number[] => framesOver(found, of).map((one) => one.frame);
  assert.deepEqual(over(image("1.1", 0)), [1]);
  assert.deepEqual(over(image("1.1", 0, 2)), [1, 2]);
  assert.deepEqual(over(image("1.2", 5)), [3]);
});

test("otherwise over those that are on their plane, the nearest of each segment", () => {
  const found = segmentationOf(seg("BINARY", [frame(1, 0), frame(1, 1), frame(2, 1), frame(1, 9, "1.7")]))!;
  const over = (of: Beneath): number[] => framesOver(found, of).map((one) => one.frame);
  assert.deepEqual(over(image("1.5", 0.2)), [1, 3]);
  assert.deepEqual(over(image("1.5", 0.8)), [2, 3]);
  assert.deepEqual(over(image("1.5", 2.6)), []);
  assert.deepEqual(over({ ...image("1.5", 0), plane: null }), []);
  const elsewhere = { ...image("1.5", 0).plane!, frameOfReference: "1.3" };
  assert.deepEqual(over({ ...image("1.5", 0), plane: elsewhere }), []);
});

test("a frame of coarser pixels lies where it is in the patient", () => {
  const found = segmentationOf(seg("BINARY", [frame(1, 0)]))!;
  // Its first pixel, of 2 mm, begins at 9, 19; the image's, of 1 mm, too.
  assert.deepEqual(placement(found, found.frames[0]!, image("1.5", 0)), [[0, 0], [6, 0], [0, 4]]);
  const placeless = { ...found.frames[0]!, plane: null };
  assert.deepEqual(placement(found, placeless, image("1.5", 0)), [[0, 0], [6, 0], [0, 4]]);
});

test("samples become colours: bits, fractions, numbers of segments", () => {
  const binary = segmentationOf(seg("BINARY", [frame(1, 0)]))!;
  const bits = Uint8Array.from([0, 1, 0, 1, 0, 0]);
  const painted = colour(binary, binary.frames[0]!, bits, new Set([1, 2]));
  assert.deepEqual([...painted.subarray(0, 8)], [0, 0, 0, 0, 255, 255, 255, 255]);
  assert.ok(colour(binary, binary.frames[0]!, bits, new Set([2])).every((one) => one === 0));
  const parts = segmentationOf(seg("FRACTIONAL", [frame(1, 0)], { "0062000E": value("US", 200) }))!;
  const alphas = colour(parts, parts.frames[0]!, Uint8Array.from([0, 50, 100, 200, 0, 0]), new Set([1]));
  assert.deepEqual([3, 7, 11, 15].map((at) => alphas[at]), [0, 64, 128, 255]);
  const map = segmentationOf(seg("LABELMAP", [frame(1, 0)]))!;
  const labels = colour(map, map.frames[0]!, Uint8Array.from([0, 1, 2, 7, 0, 0]), new Set([1, 2]));
  assert.deepEqual([...labels.subarray(0, 16)], [0, 0, 0, 0, 255, 255, 255, 255, ...ownColour(2), 255, 0, 0, 0, 0]);
  assert.ok(colour(binary, binary.frames[0]!, Uint8Array.from([1]), new Set([1])).length === 24); // too few samples
});

test("what our server writes is read back", () => {
  const found = reportOf(expected.report as unknown as Attributes)!;
  assert.equal(found.title, "Imaging Measurement Report");
  assert.equal(found.observer, "Dr. Who");
  assert.deepEqual([found.date, found.time], ["20261125", "153000.000000"]);
  const [length, ellipse, cobb] = found.groups;
  assert.deepEqual(
    [length!.label, length!.trackingUid, length!.readings],
    ["length 1", "2.25.1", [{ name: "Length", derivation: "", value: 5.5, unit: "mm" }]],
  );
  assert.deepEqual(ellipse!.readings, [
    { name: "Area", derivation: "", value: 31.4, unit: "mm²" },
    { name: "Attenuation Coefficient", derivation: "Mean", value: -12.25, unit: "HU" },
  ]);
  assert.deepEqual(length!.graphics[0]!.points, [[0, 0], [3, 4]]);
  assert.deepEqual([ellipse!.graphics.length, cobb!.graphics.length], [1, 2]);
  assert.deepEqual([...imagesOf(found)], ["1.2.3.1.1"]);
  const here = { sopInstanceUid: "1.2.3.1.1", frame: 2, plane: null };
  assert.deepEqual(on(length!.graphics[0]!, here), [[0, 0], [3, 4]]);
  assert.equal(on(length!.graphics[0]!, { ...here, frame: 1 }), null);
  assert.equal(on(length!.graphics[0]!, { ...here, sopInstanceUid: "1" }), null);
});

test("what is drawn in the patient is on the images whose plane it is on", () => {
  const scoord3d: Attributes = {
    "0040A040": value("CS", "SCOORD3D"),
    "00700023": value("CS", "POLYGON"),
    "00700022": value("FL", 9.5, 19.5, 5, 11.5, 19.5, 5.2),
    "30060024": value("UI", "1.2"),
  };
  const report = reportOf({
    "0040A040": value("CS", "CONTAINER"),
    "0040A730": sequence({ "0040A040": value("CS", "CONTAINER"), "0040A043": sequence({ "00080100": value("SH", "125007") }), "0040A730": sequence(scoord3d) }),
  })!;
  const [graphic] = report.groups[0]!.graphics;
  assert.deepEqual(on(graphic!, image("1.1", 5)), [[0.5, 0.5], [2.5, 0.5]]);
  assert.equal(on(graphic!, image("1.1", 7)), null);
  assert.equal(on(graphic!, { ...image("1.1", 5), plane: { ...image("1.1", 5).plane!, frameOfReference: "9" } }), null);
});

test("odd reports are read as far as they can be", () => {
  assert.equal(reportOf({}), null);
  let deep: Attributes = { "0040A040": value("CS", "NUM") };
  for (let i = 0; i < 5000; i++) deep = { "0040A040": value("CS", "CONTAINER"), "0040A730": sequence(deep) };
  assert.deepEqual(reportOf(deep)!.groups, []);
  const number = { "0040A040": value("CS", "NUM"), "0040A043": sequence({ "00080104": value("LO", "Depth") }), "0040A300": sequence({ "0040A30A": value("DS", "4.5") }) };
  const loose = reportOf({ "0040A040": value("CS", "CONTAINER"), "0040A730": sequence(number, { "0040A040": value("CS", "NUM") }) })!;
  assert.deepEqual(loose.groups.map((one) => one.readings), [[{ name: "Depth", derivation: "", value: 4.5, unit: "" }]]);
});

test("outlines of ellipses and circles go through the points that make them", () => {
  const ends: Point[] = [[4, 2], [4, 12], [2, 7], [6, 7]];
  const { lines, closed } = outline("ELLIPSE", ends);
  assert.ok(closed);
  for (const [x, y] of ends) assert.ok(lines.some(([a, b]) => Math.hypot(a - x, b - y) < 1e-9));
  for (const [x, y] of outline("CIRCLE", [[1, 1], [4, 5]]).lines) assert.ok(Math.abs(Math.hypot(x - 1, y - 1) - 5) < 1e-9);
  assert.deepEqual(outline("POLYLINE", ends), { lines: ends, closed: false });
  assert.ok(outline("POLYGON", ends).closed);
});
