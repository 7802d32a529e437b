import assert from "node:assert/strict";
import { test } from "node:test";
import { look } from "../viewer/described";
import { lookUp, padding, palette, table, toBase64, unfold } from "../viewer/tables";

const us = (...Value: number[]) => ({ vr: "US", Value });
const ow = (words: number[]) => ({ vr: "OW", InlineBinary: toBase64(new Uint8Array(Uint16Array.from(words).buffer)) });

test("0 entries are 65536, and the first sample is signed where the samples are", () => {
  const of = { "00283002": us(0, 65535, 16), "00283006": ow(Array.from({ length: 65536 }, (_, at) => at)) };
  const found = table(of, "00283002", "00283006", true);
  assert.equal(found?.first, -1);
  assert.deepEqual([found!.entries.length, found!.entries[65535]], [65536, 65535]);
  assert.deepEqual([-2, -1, 0, 70000].map((value) => lookUp(found!, value)), [0, 0, 1, 65535]);
});

test("entries of a byte each", () => {
  const of = { "00281101": us(4, 0, 8), "00281201": { vr: "OW", InlineBinary: toBase64(Uint8Array.of(9, 8, 7, 6)) } };
  assert.deepEqual([...table(of, "00281101", "00281201", false)!.entries], [9, 8, 7, 6]);
});

test("a table without data is none", () => {
  assert.equal(table({ "00281101": us(4, 0, 8) }, "00281101", "00281201", false), null);
  assert.equal(palette({}, false), null);
});

test("segments: discrete, linear, indirect (PS3.3 C.7.9.2)", () => {
  // Discrete 10, 20; linear to 40 in 4 steps; the first segment (one, at byte 0) again.
  const words = Uint16Array.of(0, 2, 10, 20, 1, 4, 40, 2, 1, 0, 0);
  assert.deepEqual([...unfold(words, 8)], [10, 20, 25, 30, 35, 40, 10, 20]);
  assert.deepEqual([...unfold(words, 3)], [10, 20, 25]);
});

test("segments that refer to themselves end", () => {
  assert.deepEqual([...unfold(Uint16Array.of(0, 1, 5, 2, 2, 0, 0), 100)], [5, 5]);
  assert.deepEqual([...unfold(Uint16Array.of(1, 5, 5), 100)], []);
});

test("padding is a range, in either order, and of the sign that the samples have", () => {
  assert.deepEqual(padding({ "00280120": us(63536) }, true, 16), [-2000, -2000]);
  assert.deepEqual(padding({ "00280120": us(100), "00280121": us(90) }, false, 16), [90, 100]);
  assert.equal(padding({}, false, 16), null);
});

test("groups of a frame go before shared ones, and those before the top level", () => {
  const group = (tag: string, value: number) => ({ "00289145": { vr: "SQ", Value: [{ [tag]: { vr: "DS", Value: [value] } }] } });
  const instance = {
    "00281052": { vr: "DS", Value: [7] },
    "00281053": { vr: "DS", Value: ["3"] },
    "52009229": { vr: "SQ", Value: [group("00281052", -5)] },
    "52009230": { vr: "SQ", Value: [group("00281052", -1024), {}] },
  };
  assert.deepEqual([1, 2, 3].map((frame) => look(instance, frame).intercept), [-1024, -5, -5]);
  assert.equal(look(instance, 1).slope, 3);
});

test("windows without a width are none, and names stay with theirs", () => {
  const instance = {
    "00281050": { vr: "DS", Value: [40, 300, 5] },
    "00281051": { vr: "DS", Value: [0, 1500] },
    "00281055": { vr: "LO", Value: ["BRAIN", "BONE"] },
  };
  assert.deepEqual(look(instance, 1).windows, [{ center: 300, width: 1500, name: "BONE" }]);
});
