import assert from "node:assert/strict";
import { test } from "node:test";

import { type Annotation, Book, EMPTY, type Event, newUid, next, type State, unsaved } from "../viewer/annotations";
import { begin, drag, type Draft, isDone, isNothing, press, release, settle, shifted } from "../viewer/draft";
import type { Point } from "../viewer/geometry";
import type { Shape } from "../viewer/measure";
import { around, placed, shared } from "../viewer/places";
import { handlesOf, linesOf, path } from "../viewer/shapes";
import { lines, written } from "../viewer/wording";
import { coarse } from "../viewer/cutter";
import { chance } from "./chance";

const SIZE = { columns: 40, rows: 30 };

/** Press, move and let go, several times. */
function draw(shape: Shape, ...strokes: Point[][]): Draft {
  let draft: Draft | null = null;
  for (const [from, ...way] of strokes) {
    draft = draft ? press(draft, from!) : begin(shape, from!);
    for (const to of way) draft = drag(draft, to);
    draft = release(draft, way.length > 0);
  }
  return draft!;
}

test("a shape is drawn by dragging, or click by click", () => {
  const dragged = draw("length", [[1, 1], [3, 2], [5, 4]]);
  const clicked = draw("length", [[1, 1]], [[5, 4]]);
  for (const draft of [dragged, clicked]) {
    assert.deepEqual(draft.points, [[1, 1], [5, 4]]);
    assert.ok(isDone(draft));
  }
  assert.ok(!isDone(draw("length", [[1, 1]])));
  assert.ok(isDone(draw("probe", [[1, 1]])));
  assert.deepEqual(draw("probe", [[1, 1], [2, 2]]).points, [[2, 2]]);
});

test("an angle takes a third point, Cobb's a second line", () => {
  const two = draw("angle", [[1, 1], [5, 5]]);
  assert.ok(!isDone(two));
  assert.deepEqual(draw("angle", [[1, 1], [5, 5]], [[9, 1]]).points, [[1, 1], [5, 5], [9, 1]]);
  assert.ok(isDone(draw("angle", [[1, 1]], [[5, 5]], [[9, 1], [8, 2]])));
  const cobb = draw("cobb", [[1, 1], [5, 1]], [[1, 9], [5, 8]]);
  assert.deepEqual(cobb.points, [[1, 1], [5, 1], [1, 9], [5, 8]]);
  assert.ok(isDone(cobb));
  assert.ok(isDone(draw("cobb", [[1, 1]], [[5, 1]], [[1, 9]], [[5, 8]])));
  assert.ok(!isDone(draw("cobb", [[1, 1], [5, 1]], [[1, 9]])));
});

test("what has no extent is nothing", () => {
  assert.ok(isNothing("length", [[1, 1], [1, 1]]));
  assert.ok(isNothing("rectangle", [[1, 1], [1, 5]]));
  assert.ok(!isNothing("length", [[1, 1], [1, 2]]));
  assert.ok(!isNothing("probe", [[1, 1]]));
});

test("points are within the image and on its grid", () => {
  assert.deepEqual(settle("rectangle", [3.4, 40], SIZE, true), [3, 30]);
  assert.deepEqual(settle("probe", [40, -3], SIZE, true), [39.5, 0.5]);
  assert.deepEqual(settle("length", [3.4, 3.1], SIZE, true), [3.5, 3]);
  assert.deepEqual(settle("length", [3.4, 3.1], SIZE, false), [3.4, 3.1]);
  const random = chance(6);
  for (let i = 0; i < 200; i++) {
    const points = [0, 1, 2].map((): Point => [random() * 40, random() * 30]);
    const moved = shifted(points, [(random() - 0.5) * 99, (random() - 0.5) * 99], SIZE);
    for (const [at, [x, y]] of moved.entries()) {
      assert.ok(x >= -1e-9 && x <= 40 + 1e-9 && y >= -1e-9 && y <= 30 + 1e-9);
      assert.ok(Math.abs(x - moved[0]![0] - (points[at]![0] - points[0]![0])) < 1e-9); // the shape stays
    }
  }
});

const one = (id: string, x = 0): Annotation => ({ id, label: id, shape: "length", points: [[x, 0], [9, 9]], sopInstanceUid: "1.2", frame: 1 });

test("undo goes back step by step, a drag in one, and redo forth again", () => {
  const events: Event[] = [
    { kind: "add", annotation: one("a") },
    { kind: "add", annotation: one("b") },
    { kind: "move", id: "a", points: [[1, 0], [9, 9]], doing: "drag 1" },
    { kind: "move", id: "a", points: [[2, 0], [9, 9]], doing: "drag 1" },
    { kind: "move", id: "a", points: [[3, 0], [9, 9]], doing: "drag 2" },
    { kind: "rename", id: "b", label: "B" },
    { kind: "remove", id: "b" },
  ];
  const state = events.reduce(next, EMPTY);
  assert.equal(state.past.length, 6);
  assert.equal(state.selected, null); // b is gone
  const back = Array.from({ length: 6 }).reduce<State>((now) => next(now, { kind: "undo" }), state);
  assert.deepEqual(back.items, []);
  assert.equal(next(back, { kind: "undo" }), back);
  const forth = Array.from({ length: 6 }).reduce<State>((now) => next(now, { kind: "redo" }), back);
  assert.deepEqual(forth.items, state.items);
  assert.equal(next(forth, { kind: "redo" }), forth);
  const other = next(next(back, { kind: "redo" }), { kind: "add", annotation: one("c") });
  assert.deepEqual([other.items.map((item) => item.id), other.future.length], [["a", "c"], 0]);
});

test("any way there leads back", () => {
  const random = chance(7);
  for (let round = 0; round < 50; round++) {
    let state = EMPTY;
    const seen = [state.items];
    for (let i = 0; i < 20; i++) {
      const ids = state.items.map((item) => item.id);
      const id = ids[Math.floor(random() * ids.length)] ?? "none";
      const event: Event =
        random() < 0.5 ? { kind: "add", annotation: one(`${i}`) } : random() < 0.5 ? { kind: "remove", id } : { kind: "move", id, points: [[random(), 0], [9, 9]], doing: `${i}` };
      const after = next(state, event);
      if (after.items !== state.items) seen.push(after.items);
      state = after;
    }
    for (let i = seen.length - 2; i >= 0; i--) {
      state = next(state, { kind: "undo" });
      assert.equal(state.items, seen[i]);
    }
  }
});

test("what is saved is told by what it was", () => {
  const book = new Book();
  let told = 0;
  const stop = book.subscribe(() => (told += 1));
  book.do({ kind: "add", annotation: one("a") });
  book.do({ kind: "saved", items: book.state.items });
  assert.deepEqual(unsaved(book.state), []);
  book.do({ kind: "move", id: "a", points: [[5, 5], [9, 9]], doing: "" });
  assert.equal(unsaved(book.state).length, 1);
  book.do({ kind: "undo" });
  assert.deepEqual(unsaved(book.state), []);
  book.do({ kind: "remove", id: "none" });
  assert.equal(told, 4);
  stop();
  book.do({ kind: "remove", id: "a" });
  assert.equal(told, 4);
});

test("UIDs are of random UUIDs", () => {
  assert.match(newUid(), /^2\.25\.[1-9]\d{36,38}$/);
  const uid = newUid(new Uint8Array(16));
  assert.equal(uid, `2.25.${BigInt("0x00000000000040008000000000000000")}`);
  assert.equal(new Set(Array.from({ length: 100 }, () => newUid())).size, 100);
});

test("a label leaves its finding free, and the viewport holds it", () => {
  const random = chance(8);
  const within = { width: 800, height: 600 };
  for (let i = 0; i < 300; i++) {
    const finding = { x: random() * 700, y: random() * 500, width: random() * 300, height: random() * 300 };
    const other = { x: random() * 700, y: random() * 500, width: 90, height: 30 };
    const box = placed(finding, { width: 90, height: 32 }, within, [other]);
    assert.equal(shared(box, finding), 0);
    assert.equal(shared(box, other), 0);
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + 90 <= 800 && box.y + 32 <= 600);
  }
  assert.deepEqual(around([[3, 9], [1, 5]]), { x: 1, y: 5, width: 2, height: 4 });
});

test("each handle moves what it holds, and what is drawn goes through the corners", () => {
  for (const shape of ["ellipse", "rectangle"] as const) {
    const points: Point[] = [[2, 3], [8, 9]];
    for (const { at, moved } of handlesOf(shape, points)) {
      assert.deepEqual(around(moved(at)), around(points));
      const bigger = moved([20, 20]);
      assert.ok(handlesOf(shape, bigger).some((handle) => handle.at[0] === 20 && handle.at[1] === 20));
    }
    const [drawn] = linesOf(shape, points);
    const box = around(drawn!.lines);
    assert.ok(drawn!.closed && Math.abs(box.width - 6) < 1e-9 && Math.abs(box.height - 6) < 1e-9);
  }
  assert.equal(linesOf("cobb", [[0, 0], [1, 1], [2, 2], [3, 3]]).length, 2);
  assert.equal(linesOf("cobb", [[0, 0], [1, 1]]).length, 1);
  assert.equal(path([[0, 0], [1, 2]], true), "M0.00 0.00L1.00 2.00Z");
});

test("numbers are written with as many digits as they have meaning", () => {
  const figure = (name: "length" | "area" | "mean" | "value" | "angle", value: number, unit: string): string => written({ name, value, unit });
  assert.equal(figure("length", 12.345, "mm"), "12.3 mm");
  assert.equal(figure("length", 12, "px"), "12 px");
  assert.equal(figure("area", 1234.5, "mm2"), "1235 mm²");
  assert.equal(figure("angle", 45, "deg"), "45.0°");
  assert.equal(figure("value", -1024, "HU"), "-1024 HU");
  assert.equal(figure("mean", 3, ""), "3.0");
  assert.deepEqual(lines({ kind: "detector", figures: [{ name: "length", value: 1, unit: "mm" }] }), ["1.0 mm", "at the detector"]);
  assert.deepEqual(lines({ kind: "patient", figures: [{ name: "angle", value: 1, unit: "deg" }] }), ["1.0°"]);
});

test("a coarser cut has its first pixel in the middle of the four that it stands for", () => {
  const cut = { origin: [0, 0, 0], right: [1, 0, 0], down: [0, 1, 0], spacing: 2, columns: 5, rows: 4, thickness: 9, projection: "mean" } as const;
  assert.deepEqual(coarse(cut), { ...cut, origin: [1, 1, 0], spacing: 4, columns: 3, rows: 2 });
});
