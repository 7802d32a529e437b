import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../viewer/cache";
import { backOff } from "../viewer/client";
import { around, fitting, interleaved, plan } from "../viewer/queue";

test("around the current frame, two ahead for one behind, each once", () => {
  assert.deepEqual(around(10, 4, 1), [4, 5, 6, 3, 7, 8, 2, 9, 1, 0]);
  assert.deepEqual(around(6, 4, -1), [4, 3, 2, 5, 1, 0]);
  assert.deepEqual(around(1, 0, 1), [0]);
  assert.deepEqual(around(1000, 500, 1, 3), [500, 501, 502]);
  for (const current of [0, 3, 7]) assert.deepEqual(around(8, current, -1).sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("viewports take turns, and what two of them want is wanted once", () => {
  assert.deepEqual(interleaved([[1, 2, 3], [7, 2], []]), [1, 7, 2, 3]);
});

test("no more is wanted than fits, but always one", () => {
  assert.deepEqual(fitting([5, 5, 5], (one) => one, 12), [5, 5]);
  assert.deepEqual(fitting([50], (one) => one, 12), [50]);
});

test("slots are filled in order", () => {
  assert.deepEqual(plan(["a", "b", "c", "d"], new Set(["b"]), 0, 3), { start: ["a", "c"], cancel: [] });
});

test("what is shown comes alone, before all that is around it", () => {
  assert.deepEqual(plan(["a", "b", "c"], new Set(["b"]), 1, 3), { start: ["a"], cancel: [] });
  assert.deepEqual(plan(["a", "b", "c"], new Set(["a"]), 1, 3), { start: [], cancel: [] });
});

test("what is shown takes the place of what is wanted last", () => {
  assert.deepEqual(plan(["now", "b", "c", "d"], new Set(["d", "c"]), 1, 2), { start: ["now"], cancel: ["d"] });
});

test("what is shown is not pushed out by what is shown as well", () => {
  assert.deepEqual(plan(["a", "b", "c"], new Set(["a", "b"]), 3, 2), { start: [], cancel: [] });
});

test("what was scrolled past is given up", () => {
  assert.deepEqual(plan(["a"], new Set(["x", "y"]), 1, 2), { start: ["a"], cancel: ["x", "y"] });
});

const item = (bytes: number) => ({ bytes });

test("the cache stays below its bytes: first what is not wanted goes, the longest unused first", () => {
  const cache = new Cache(100);
  for (const key of ["a", "b", "c"]) cache.put(key, item(30), new Set());
  cache.get("a");
  cache.put("d", item(30), new Set(["c"]));
  assert.deepEqual(["a", "b", "c", "d"].map((key) => cache.has(key)), [true, false, true, true]);
  cache.put("e", item(90), new Set(["a", "c", "d", "e"]));
  assert.deepEqual([cache.count, cache.bytes], [1, 90]);
  cache.put("f", item(500), new Set());
  assert.deepEqual([cache.count, cache.bytes], [1, 500]);
});

test("the same again replaces, and dropping frees", () => {
  const cache = new Cache(100);
  cache.put("a", item(30), new Set());
  cache.put("a", item(50), new Set());
  assert.equal(cache.bytes, 50);
  cache.drop("a");
  cache.drop("a");
  assert.deepEqual([cache.count, cache.bytes], [0, 0]);
});

test("a server that is away is asked ever more seldom", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 50].map(backOff), [0.25, 0.5, 1, 2, 4, 8, 8, 8]);
});
