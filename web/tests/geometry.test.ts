import assert from "node:assert/strict";
import { test } from "node:test";

import type { Attributes } from "../viewer/dataset";
import * as g from "../viewer/geometry";
import { chance } from "./chance";

const SIZE = { columns: 8, rows: 6 };
const axial = (z: number, frame = "1.2"): g.Plane =>
  g.makePlane([-10, -20, z], [1, 0, 0, 0, 1, 0], [2, 0.5], SIZE, frame)!;

function near(found: readonly number[], wanted: readonly number[], within = 1e-9): void {
  assert.equal(found.length, wanted.length);
  found.forEach((one, at) => assert.ok(Math.abs(one - wanted[at]!) <= within, `${found} for ${wanted}`));
}

/** Any plane: two directions at right angles by chance. */
function anyPlane(random: () => number): g.Plane {
  const one = (): g.Vector => [random() - 0.5, random() - 0.5, random() - 0.5];
  const right = g.unit(one());
  const down = g.unit(g.cross(right, one()));
  const position = g.scale(one(), 200);
  return g.makePlane(position, [...right, ...down], [0.2 + random(), 0.2 + random()], SIZE, "1.2")!;
}

test("the first pixel's centre is Image Position, and spacing is between rows, then columns", () => {
  near(g.toPatient(axial(5), [0.5, 0.5]), [-10, -20, 5]);
  near(g.toPatient(axial(5), [1.5, 0.5]), [-9.5, -20, 5]);
  near(g.toPatient(axial(5), [0.5, 1.5]), [-10, -18, 5]);
});

test("there and back is where one was, on any plane", () => {
  const random = chance(1);
  for (let i = 0; i < 200; i++) {
    const plane = anyPlane(random);
    const point: g.Point = [random() * 8, random() * 6];
    near(g.toImage(plane, g.toPatient(plane, point)), point);
    const off = (random() - 0.5) * 20;
    const beside = g.add(g.toPatient(plane, point), g.scale(plane.normal, off));
    near(g.toImage(plane, beside), point, 1e-8);
    near([g.distance(plane, beside)], [off], 1e-8);
  }
});

test("what is no plane is none", () => {
  const make = (position: number[], orientation: number[], spacing: number[]): unknown =>
    g.makePlane(position, orientation, spacing, SIZE);
  assert.equal(make([0, 0], [1, 0, 0, 0, 1, 0], [1, 1]), null);
  assert.equal(make([0, 0, 0], [1, 0, 0, 0, 1], [1, 1]), null);
  assert.equal(make([0, 0, 0], [1, 0, 0, 0, 1, 0], []), null);
  assert.equal(make([0, 0, 0], [1, 0, 0, 0, 1, 0], [0, 1]), null);
  assert.equal(make([0, 0, 0], [1, 0, 0, 0, 1, 0], [1, -1]), null);
  assert.equal(make([0, 0, 0], [1, 0, 0, 1, 0, 0], [1, 1]), null); // not at right angles
  assert.equal(make([0, 0, 0], [2, 0, 0, 0, 1, 0], [1, 1]), null); // not of length 1
  assert.notEqual(make([0, 0, 0], [0.99999, 0, 0.003, 0, 1, 0], [1, 1]), null); // cut decimals
});

test("a frame of an enhanced instance lies where its own functional groups say", () => {
  const group = (tag: string, inner: string, value: number[]): Attributes => ({
    [tag]: { vr: "SQ", Value: [{ [inner]: { vr: "DS", Value: value } }] },
  });
  const instance: Attributes = {
    "00280010": { vr: "US", Value: [6] },
    "00280011": { vr: "US", Value: [8] },
    "00200052": { vr: "UI", Value: ["1.2"] },
    "52009229": {
      vr: "SQ",
      Value: [{ ...group("00209116", "00200037", [1, 0, 0, 0, 1, 0]), ...group("00289110", "00280030", [2, 0.5]) }],
    },
    "52009230": {
      vr: "SQ",
      Value: [group("00209113", "00200032", [-10, -20, 5]), group("00209113", "00200032", [-10, -20, 7])],
    },
  };
  assert.deepEqual(g.planeOf(instance, 1), axial(5));
  assert.deepEqual(g.planeOf(instance, 2), axial(7));
  assert.equal(g.planeOf(instance, 3), null);
  assert.equal(g.planeOf({}, 1), null);
});

test("directions have letters, the most of them first", () => {
  assert.equal(g.letters([1, 0, 0]), "L");
  assert.equal(g.letters([0, -1, 0]), "A");
  assert.equal(g.letters([0, 0, -1]), "F");
  assert.equal(g.letters(g.unit([-1, 3, 2])), "PHR");
  assert.equal(g.letters(g.unit([0.02, 1, 0])), "P");
  assert.deepEqual(g.edges(axial(0)), { left: "R", right: "L", top: "A", bottom: "P" });
});

test("a reference line is where the other rectangle cuts this plane", () => {
  // Sagittal, x = -9: rows along y from -20, columns along -z from 8.
  const sagittal = g.makePlane([-9, -20, 8], [0, 1, 0, 0, 0, -1], [1, 1], { columns: 4, rows: 12 }, "1.2")!;
  const line = g.referenceLine(sagittal, axial(5))!;
  const [a, b] = [...line].sort((p, q) => p[1] - q[1]) as [g.Point, g.Point];
  near(a, [2.5, (-20.5 - -20) / 2 + 0.5]);
  near(b, [2.5, (-16.5 - -20) / 2 + 0.5]);
  assert.equal(g.referenceLine(sagittal, axial(9)), null); // above it
  assert.equal(g.referenceLine(axial(1), axial(5)), null); // parallel
  assert.equal(g.referenceLine(sagittal, axial(5, "1.3")), null); // another frame of reference
});

test("the ends of any reference line lie on both", () => {
  const random = chance(2);
  let met = 0;
  for (let i = 0; i < 500; i++) {
    const [on, there] = [anyPlane(random), anyPlane(random)];
    const other: g.Plane = { ...there, origin: g.add(on.origin, g.scale(g.subtract(there.origin, on.origin), 0.02)) };
    const line = g.referenceLine(other, on);
    const sides = g.corners(other).map((corner) => Math.sign(g.distance(on, corner)));
    assert.equal(line !== null, new Set(sides).size > 1);
    for (const end of line ?? []) {
      met += 1;
      const place = g.toPatient(on, end);
      near([g.distance(other, place)], [0], 1e-8);
      const [x, y] = g.toImage(other, place);
      assert.ok(x > -1e-8 && x < 8 + 1e-8 && y > -1e-8 && y < 6 + 1e-8);
    }
  }
  assert.ok(met > 100);
});

test("the nearest of several planes", () => {
  const planes = [axial(0), null, axial(5), axial(10)];
  assert.equal(g.nearest(planes, [0, 0, 7.4]), 2);
  assert.equal(g.nearest(planes, [500, 0, -30]), 0);
  assert.equal(g.nearest([null], [0, 0, 0]), -1);
});
