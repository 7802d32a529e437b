import assert from "node:assert/strict";
import { test } from "node:test";

import { greys, windowed } from "../viewer/curves";
import { makePlane, type Plane, type Vector } from "../viewer/geometry";
import { type Cut, cut } from "../viewer/mpr";
import * as views from "../viewer/views";
import { chosenOf, isTilted, type Stack, stackOf } from "../viewer/volume";
import { chance } from "./chance";
import expected from "./expected.json";

const planes = (origins: readonly (readonly number[])[], orientation: number[], spacing: number[], size = { columns: 9, rows: 7 }): Plane[] =>
  origins.map((origin) => makePlane(origin, orientation, spacing, size, "1.2")!);
const AXIAL = [1, 0, 0, 0, 1, 0];
const upright = (...z: number[]): Plane[] => planes(z.map((one) => [0, 0, one]), AXIAL, [1, 1]);
const made = (found: ReturnType<typeof stackOf>): Stack => {
  assert.ok(typeof found !== "string", `no stack: ${String(found)}`);
  return found;
};

test("cuts are what numpy finds, of even, tilted, uneven and oblique stacks, in whatever order", () => {
  let compared = 0;
  const random = chance(3);
  for (const one of expected.cuts) {
    const shuffled = one.origins.map((origin, at) => ({ origin, at })).sort(() => random() - 0.5);
    const stack = made(stackOf(planes(shuffled.map(({ origin }) => origin), one.orientation, one.spacing)));
    assert.equal(isTilted(stack), one.kind === "tilted");
    assert.equal(stack.even, one.kind !== "uneven");
    const images = stack.order.map((at) => Int16Array.from(one.images[shuffled[at]!.at]!));
    const found = cut({ stack, images }, one.cut as unknown as Cut);
    found.forEach((value, at) => {
      const wanted = one.found[at]!;
      if (wanted === null) assert.ok(Number.isNaN(value), `${one.kind} ${at}: ${value}, beyond the stack`);
      else assert.ok(Math.abs(value - wanted) <= 1e-4, `${one.kind} ${at}: ${value} for ${wanted}`);
      compared += wanted === null ? 0 : 1;
    });
  }
  assert.ok(compared > 1500, `${compared}`);
});

test("a cut through an image is that image, and an image that is not there yet is nothing", () => {
  const stack = made(stackOf(upright(0, 2, 4)));
  const random = chance(4);
  const images = [0, 1, 2].map(() => Float32Array.from({ length: 63 }, () => Math.floor(random() * 1000)));
  const straight = (z: number): Cut => ({
    origin: [0, 0, z], right: [1, 0, 0], down: [0, 1, 0],
    spacing: 1, columns: 9, rows: 7, thickness: 0, projection: "mean",
  });
  assert.deepEqual(cut({ stack, images }, straight(2)), images[1]);
  assert.deepEqual(cut({ stack, images }, straight(5)), images[2]); // half a step beyond
  assert.ok(cut({ stack, images }, straight(5.1)).every(Number.isNaN));
  const early = cut({ stack, images: [images[0]!, null, images[2]!] }, straight(2));
  assert.ok(early.every(Number.isNaN));
  assert.deepEqual(cut({ stack, images: [images[0]!, null, null] }, straight(0)), images[0]);
});

test("planes are painted as images are, to the bit", () => {
  const random = chance(9);
  for (let i = 0; i < 40; i++) {
    const window = { center: Math.round(random() * 200 - 100), width: i % 5 === 0 ? 1 : Math.ceil(random() * 300) };
    const values = Float32Array.from({ length: 500 }, (_, at) => (at === 0 ? NaN : Math.round((random() * 600 - 300) * 4) / 4));
    const curve = windowed(window, "LINEAR");
    for (const invert of [false, true]) {
      const out = new Uint32Array(values.length);
      greys(values, window, invert, out);
      const wanted = Array.from(values, (value) => (Number.isNaN(value) ? 0 : invert ? 255 - curve(value) : curve(value)));
      assert.deepEqual(Array.from(out, (pixel) => pixel & 0xff), wanted);
      assert.ok(out.every((pixel) => pixel >>> 24 === 255));
    }
  }
});

test("what makes no volume, and why", () => {
  assert.equal(stackOf(upright(0, 1)), "few");
  assert.equal(stackOf([]), "few");
  assert.equal(stackOf([...upright(0, 1, 2), null]), "orientation");
  assert.equal(stackOf([...upright(0, 1), ...planes([[0, 0, 2]], [0, 1, 0, 1, 0, 0], [1, 1])]), "orientation");
  assert.equal(stackOf([...upright(0, 1), ...planes([[0, 0, 2]], AXIAL, [1, 2])]), "size");
  assert.equal(stackOf([...upright(0, 1), ...planes([[0, 0, 2]], AXIAL, [1, 1], { columns: 8, rows: 7 })]), "size");
  assert.equal(stackOf(upright(0, 1, 1, 2)), "same place");
  assert.equal(stackOf([...upright(0, 1), { ...upright(2)[0]!, frameOfReference: "9" }]), "frames of reference");
});

test("of a series the largest group makes the volume: no localizer, and each place once", () => {
  const localizer = planes([[0, 0, 0]], [0, 1, 0, 0, 0, -1], [1, 1]);
  const twice = [...localizer, ...upright(0, 1, 2), null, ...upright(0, 1, 2)];
  assert.deepEqual(chosenOf(twice), { images: [1, 2, 3], others: 2, again: 3 });
  assert.deepEqual(chosenOf([]), { images: [], others: 0, again: 0 });
  assert.ok(typeof stackOf(chosenOf(twice).images.map((at) => twice[at]!)) !== "string");
});

test("a tilt is told in degrees, and neighbours that are nearly as far apart are even", () => {
  const lean = Math.tan((20 * Math.PI) / 180);
  const tilted = made(stackOf(planes([0, 1, 2, 3].map((z) => [0, z * lean, z]), AXIAL, [1, 1])));
  assert.ok(Math.abs(tilted.tilt - 20) < 1e-9);
  assert.ok(tilted.even);
  assert.ok(made(stackOf(upright(0, 1, 2.005, 3))).even);
  assert.ok(!made(stackOf(upright(0, 1, 2.1, 3))).even);
});

test("the three views cover the box, look as radiologists do, and share a place", () => {
  const stack = made(stackOf(planes([[10, 20, 30], [10, 20, 33], [10, 20, 36]], AXIAL, [0.5, 0.5], { columns: 40, rows: 20 })));
  const place: Vector = [15, 24, 32];
  for (const view of views.VIEWS) {
    const of = views.cutOf(stack, view, place);
    const { normal } = views.planeOfCut(of, "1.2");
    const corner = views.placeOn(of, [0, 0]);
    const opposite = views.placeOn(of, [of.columns, of.rows]);
    const low = [9.75, 19.75, 28.5];
    const high = [29.75, 29.75, 37.5];
    for (const axis of [0, 1, 2] as const) {
      if (Math.abs(normal[axis]) > 0.5) {
        assert.equal(of.origin[axis], place[axis]);
        continue;
      }
      const [a, b] = [corner[axis], opposite[axis]].sort((p, q) => p - q) as [number, number];
      assert.ok(Math.abs(a - low[axis]!) < 1e-9 && Math.abs(b - high[axis]!) < 1e-9, `${view} ${axis} ${a} ${b}`);
    }
  }
  assert.deepEqual(views.cutOf(stack, "coronal", place).down, [0, 0, -1]); // head on top
  assert.deepEqual(views.within(stack, [0, 24, 99]), [9.75, 24, 37.5]);
});
