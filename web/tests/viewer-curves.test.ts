import assert from "node:assert/strict";
import { test } from "node:test";
import { rint, spread, tabled, windowed, windowOf } from "../viewer/curves";

test("halves go to the even number, as numpy.rint has it", () => {
  assert.deepEqual([0.5, 1.5, 2.5, 3.5, 0.49999999999999994, 254.5].map(rint), [0, 2, 2, 4, 0, 254]);
});

test("LINEAR is the pseudo code of PS3.3 C.11.2.1.2.1", () => {
  for (const [center, width] of [[40, 80], [2048, 4096], [0, 100], [128, 256], [0.5, 2], [-600, 1500]] as const) {
    const curve = windowed({ center, width }, "LINEAR");
    for (let x = -1100; x < 4200; x++) {
      const y =
        x <= center - 0.5 - (width - 1) / 2 ? 0
        : x > center - 0.5 + (width - 1) / 2 ? 255
        : ((x - (center - 0.5)) / (width - 1) + 0.5) * 255;
      assert.ok(Math.abs(curve(x) - y) <= 0.5 + 1e-9, `${x} of ${center}/${width}: ${curve(x)}, ${y}`);
    }
  }
});

test("LINEAR_EXACT is that of C.11.2.1.3.2", () => {
  const curve = windowed({ center: 40, width: 80 }, "LINEAR_EXACT");
  assert.deepEqual([0, 20, 40, 60, 80].map(curve), [0, 64, 128, 191, 255]);
});

test("a width of one is a threshold", () => {
  const curve = windowed({ center: 100, width: 1 }, "LINEAR");
  assert.deepEqual([99, 99.5, 100, 101].map(curve), [0, 0, 128, 255]);
});

test("SIGMOID is that of C.11.2.1.3.1", () => {
  const curve = windowed({ center: 0, width: 100 }, "SIGMOID");
  assert.deepEqual([-1e6, -25, 0, 25, 1e6].map(curve), [0, rint(255 / (1 + Math.E)), 128, rint(255 / (1 + 1 / Math.E)), 255]);
});

test("what is no number is black, what has no span a threshold", () => {
  assert.equal(spread(0, 10)(NaN), 0);
  assert.deepEqual([4, 5, 6].map(spread(5, 5)), [0, 0, 255]);
});

test("a VOI LUT is spread over its bits; 8-bit entries in 16 bits over 255", () => {
  const wide = { first: -1, bits: 12, entries: Uint16Array.of(0, 2048, 4095), name: "" };
  assert.deepEqual([-5, -1, 0, 1, 9].map(tabled(wide)), [0, 0, 128, 255, 255]);
  const narrow = { first: 0, bits: 16, entries: Uint16Array.of(0, 100, 255), name: "" };
  assert.deepEqual([0, 1, 2].map(tabled(narrow)), [0, 100, 255]);
});

test("a window of a range shows its least black and its greatest white", () => {
  const curve = windowed(windowOf(-7, 93), "LINEAR");
  assert.deepEqual([-7, 43, 93].map(curve), [0, 128, 255]);
});
