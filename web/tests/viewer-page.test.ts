import assert from "node:assert/strict";
import { test } from "node:test";
import { type Place, read, write } from "../viewer/address";
import { date, personName, time, visible } from "../viewer/names";
import { edgesOf } from "../viewer/orientation";
import { flipped, matrix, PLAIN, turnedBy } from "../viewer/transform";
import { makePlane } from "../viewer/geometry";

const view = { zoom: 1.5, pan: [3, -4.5], turn: 90, flip: true } as const;
const shot = { series: "1.2.3", sop: "1.2.3.4", frame: 7, window: { center: -600, width: 1500 }, invert: true, view };

test("an address brings back what was shown", () => {
  const place: Place = { layout: 2, active: 1, linked: true, shots: [shot, { ...shot, series: "", window: null, invert: false, view: PLAIN }] };
  assert.deepEqual(read(write(place)), place);
});

test("an address that somebody made up is none, or harmless", () => {
  for (const text of ["", "x", "3,0,0|1.2,1.3,1", "1,0,0", "1,0,0|<script>,1,1", "1,0,0|1.2,../x,1", `1,0,0|${"1,".repeat(3000)}`]) assert.equal(read(text), null, text.slice(0, 40));
  const odd = read("4,9,1|1.2,1.3,-5,40,0,1e999,NaN,x,-90,zz")!;
  assert.deepEqual([odd.active, odd.shots[0]!.frame, odd.shots[0]!.window], [0, 1, null]);
  assert.deepEqual(odd.shots[0]!.view, { zoom: 0.01, pan: [0, 0], turn: 270, flip: false });
});

test("names in all forms, without what would turn the text round", () => {
  const name = { vr: "PN", Value: [{ Alphabetic: "Yamada^Tarou^^Dr", Ideographic: "山田^太郎", Phonetic: "やまだ^たろう" }] };
  assert.deepEqual(personName({ "00100010": name }, "00100010"), ["Yamada Tarou  Dr", "山田 太郎", "やまだ たろう"]);
  assert.deepEqual(personName({ "00100010": { vr: "PN", Value: [{ Alphabetic: "^^^^" }] } }, "00100010"), []);
  assert.deepEqual(personName({}, "00100010"), []);
  assert.equal(visible("a\u202egpj.exe\u2069"), "a\ufffdgpj.exe\ufffd");
});

test("dates and times as people read them, or as they are", () => {
  assert.deepEqual([date("20261125"), date("2026.11.25"), date("around 1990"), time("140559.123"), time("")], ["2026-11-25", "2026-11-25", "around 1990", "14:05", ""]);
});

test("the letters go with turning and flipping", () => {
  const plane = makePlane([0, 0, 0], [1, 0, 0, 0, 1, 0], [1, 2], { columns: 10, rows: 20 })!;
  const picture = { columns: 10, rows: 20, aspect: 0.5 };
  const letters = (view: typeof PLAIN) => Object.values(edgesOf(plane, matrix(view, picture, { width: 100, height: 100 }))).join();
  assert.equal(letters(PLAIN), "R,L,A,P");
  assert.equal(letters(turnedBy(PLAIN, 90)), "P,A,R,L");
  assert.equal(letters(flipped(PLAIN, "across")), "L,R,A,P");
  assert.equal(letters(flipped(turnedBy(PLAIN, 90), "along")), "P,A,L,R");
});
