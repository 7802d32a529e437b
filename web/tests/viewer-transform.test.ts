import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, fitting, flipped, inverse, matrix, PLAIN, turnedBy, type View, zoomedAt } from "../viewer/transform";

const picture = { columns: 100, rows: 50, aspect: 1 };
const size = { width: 400, height: 300 };
const near = (found: readonly number[], expected: readonly number[]) =>
  found.forEach((one, at) => assert.ok(Math.abs(one - expected[at]!) < 1e-9, `${found} is not ${expected}`));

test("an image fits, in the middle, however it is turned", () => {
  assert.equal(fitting(picture, size, 0), 4);
  assert.equal(fitting(picture, size, 90), 3);
  near(apply(matrix(PLAIN, picture, size), [50, 25]), [200, 150]);
  near(apply(matrix(PLAIN, picture, size), [0, 0]), [0, 50]);
});

test("pixels that are twice as high as wide", () => {
  const tall = { columns: 100, rows: 50, aspect: 2 };
  const to = matrix({ ...PLAIN, zoom: 1 }, tall, size);
  near(apply(to, [0, 0]), [150, 100]);
  near(apply(to, [100, 50]), [250, 200]);
});

test("a quarter clockwise brings the left edge up", () => {
  const to = matrix({ ...PLAIN, zoom: 1, turn: 90 }, picture, size);
  near(apply(to, [0, 25]), [200, 100]);
  near(apply(to, [50, 0]), [225, 150]);
});

test("there and back again, for every view", () => {
  for (const turn of [0, 90, 180, 270, 37]) {
    for (const flip of [false, true]) {
      const view: View = { zoom: 1.7, pan: [12, -5], turn, flip };
      const to = matrix(view, { ...picture, aspect: 1.3 }, size);
      near(apply(inverse(to), apply(to, [13, 21])), [13, 21]);
    }
  }
});

test("zooming keeps the point under the pointer", () => {
  const view: View = { zoom: 2, pan: [30, 10], turn: 90, flip: true };
  const at = [120, 80] as const;
  const before = apply(inverse(matrix(view, picture, size)), at);
  const after = zoomedAt(view, picture, size, 1.5, at);
  assert.equal(after.zoom, 3);
  near(apply(inverse(matrix(after, picture, size)), at), before);
});

test("mirroring is of what is seen: across exchanges left and right of the screen", () => {
  for (const turn of [0, 90, 270, 30]) {
    const view: View = { zoom: 2, pan: [20, 7], turn, flip: false };
    const [x, y] = apply(matrix(view, picture, size), [10, 20]);
    near(apply(matrix(flipped(view, "across"), picture, size), [10, 20]), [size.width - x, y]);
    near(apply(matrix(flipped(view, "along"), picture, size), [10, 20]), [x, size.height - y]);
  }
});

test("turning is about the middle of the viewport", () => {
  const view: View = { zoom: 2, pan: [20, 7], turn: 0, flip: true };
  const [x, y] = apply(matrix(view, picture, size), [10, 20]);
  const [cx, cy] = [size.width / 2, size.height / 2];
  near(apply(matrix(turnedBy(view, 90), picture, size), [10, 20]), [cx - (y - cy), cy + (x - cx)]);
  assert.deepEqual(turnedBy(turnedBy(view, 90), -90), view);
});
