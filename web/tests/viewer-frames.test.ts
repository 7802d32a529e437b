import assert from "node:assert/strict";
import { test } from "node:test";
import { aspectOf, frameRate } from "../viewer/described";
import { framesOf, sorted } from "../viewer/frames";

const ds = (...Value: number[]) => ({ vr: "DS", Value });
const text = (value: string) => ({ vr: "UI", Value: [value] });
const AXIAL = [1, 0, 0, 0, 1, 0];

function slice(number: number, position: number[], orientation = AXIAL): Record<string, { vr: string; Value: unknown[] }> {
  return {
    "00080018": text(`1.${number}`),
    "00200013": { vr: "IS", Value: [number] },
    "00200032": ds(...position),
    "00200037": ds(...orientation),
    "00280010": ds(4),
    "00280011": ds(4),
    "00280030": ds(1, 1),
  };
}

const order = (instances: ReturnType<typeof slice>[]): number[] => sorted(framesOf(instances)).map((frame) => (frame.instance["00200013"]!.Value as number[])[0]!);

test("by position, whatever the numbers; in the direction in which most of them count", () => {
  assert.deepEqual(order([slice(1, [0, 0, 5]), slice(3, [0, 0, 1]), slice(2, [0, 0, 9])]), [2, 1, 3]);
  assert.deepEqual(order([slice(1, [0, 0, 1]), slice(3, [0, 0, 5]), slice(2, [0, 0, 9])]), [1, 3, 2]);
  assert.deepEqual(order([slice(3, [0, 0, 0]), slice(1, [0, 0, 20]), slice(2, [0, 0, 10])]), [1, 2, 3]);
});

test("a tilted gantry: along the normal of the slices, although the table moves along z", () => {
  const [cosine, sine] = [Math.cos(0.3), Math.sin(0.3)];
  const tilted = [1, 0, 0, 0, cosine, -sine];
  // y drifts so that neither y nor the numbers sort them.
  const places: number[][] = [[0, 4, 10], [0, 1, 0], [0, 9, 5]];
  const along = places.map((place, number) => ({ number: number + 1, at: place[1]! * sine + place[2]! * cosine }));
  along.sort((a, b) => a.at - b.at);
  const found = order(places.map((place, number) => slice(number + 1, place, tilted)));
  const expected = along.map((one) => one.number);
  assert.ok([expected.join(), [...expected].reverse().join()].includes(found.join()), found.join());
});

test("volumes of a time series follow each other", () => {
  const instances = [0, 1].flatMap((time) => [0, 1, 2].map((z) => slice(1 + time * 3 + z, [0, 0, 10 * z])));
  assert.deepEqual(order(instances), [1, 2, 3, 4, 5, 6]);
  const interleaved = [0, 1, 2].flatMap((z) => [0, 1].map((time) => slice(1 + z * 2 + time, [0, 0, 10 * z])));
  assert.deepEqual(order(interleaved), [1, 3, 5, 2, 4, 6]);
});

test("orientations keep together, and what has no place comes last", () => {
  const sagittal = [0, 1, 0, 0, 0, -1];
  const nowhere = slice(1, []);
  assert.deepEqual(order([nowhere, slice(2, [0, 0, 1]), slice(3, [5, 0, 0], sagittal), slice(4, [0, 0, 2]), slice(5, [4, 0, 0], sagittal)]), [2, 4, 3, 5, 1]);
});

test("frames of a multi-frame instance have planes of their own", () => {
  const place = (z: number) => ({ "00209113": { vr: "SQ", Value: [{ "00200032": ds(0, 0, z) }] } });
  const { "00200032": _, ...rest } = slice(1, []);
  const frames = sorted(framesOf([{ ...rest, "00280008": ds(3), "52009230": { vr: "SQ", Value: [place(1), place(3), place(2)] } }]));
  assert.deepEqual(frames.map((frame) => frame.frame), [1, 3, 2]);
  assert.deepEqual(frames.map((frame) => frame.position), [1, 2, 3]);
});

test("what has no pixels is no frame", () => {
  assert.deepEqual(framesOf([{ "00080018": text("1.2") }]), []);
});

test("pixels that are not square, by spacing or by ratio", () => {
  assert.equal(aspectOf({ "00280030": ds(2, 1) }, 1), 2);
  assert.equal(aspectOf({ "00280034": ds(4, 3) }, 1), 4 / 3);
  assert.equal(aspectOf({ "00280030": ds(0, 1), "00280034": ds(1, 2) }, 1), 0.5);
  assert.equal(aspectOf({}, 1), 1);
});

test("the rate of cine is that of the data", () => {
  assert.equal(frameRate({ "00181063": ds(40) }), 25);
  assert.equal(frameRate({ "00181065": ds(0, 50, 50) }), 20);
  assert.equal(frameRate({ "00082144": ds(15), "00181063": ds(40) }), 15);
  assert.equal(frameRate({ "00181063": ds(0) }), 10);
});
