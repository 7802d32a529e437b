import assert from "node:assert/strict";
import { test } from "node:test";
import { isIdle } from "../shell/idle";
import { placeOf } from "../shell/keys";
import { text } from "../shell/text";

test("a letter leads to the first place that has it", () => {
  const links = [{ key: "h", path: "/" }, { key: "j", path: "/console/jobs" }, { key: "j", path: "/other" }];
  assert.equal(placeOf("j", links), "/console/jobs");
  assert.equal(placeOf("x", links), null);
});

test("a page is idle after so many seconds, and never if there is no such number", () => {
  assert.equal(isIdle(0, 899_999, 900), false);
  assert.equal(isIdle(0, 900_000, 900), true);
  assert.equal(isIdle(0, 1e12, 0), false);
});

test("values stand in a text where they are named", () => {
  assert.equal(text("{n} of {total} images", { n: 3, total: 0 }), "3 of 0 images");
  assert.equal(text("{n} images"), "{n} images");
});
