// The layer over one viewport: measurements with handles and labels, drawings of reports, and where
// the other viewports' images cut this one.

import { text } from "../shell/text";
import { type Annotation, type Book, measured } from "./annotations";
import { type Draft, isNothing, settle, shifted } from "./draft";
import { planeOf, type Point, referenceLine } from "./geometry";
import { measure, SHAPES } from "./measure";
import { around, type Box, placed } from "./places";
import type { ShownImage, Stage } from "./seam";
import { cross, handlesOf, linesOf, path, svg } from "./shapes";
import { on, outline, type Group } from "./sr";
import { lines as words } from "./wording";

export interface Surroundings {
  readonly book: Book;
  readonly snap: () => boolean;
  /** The other viewports, for reference lines. */
  readonly others: (stage: Stage) => readonly Stage[];
  /** Groups of reports that are switched on and not being edited here. */
  readonly groups: () => readonly Group[];
}

const LINE = 16; // height of a line of a label, in CSS pixels
const LETTER = 7.2; // a letter's width, to know a label's before it is drawn

export class Overlay {
  readonly element = svg("svg", { class: "marks", role: "group" });
  draft: Draft | null = null;
  private readonly lines = svg("g", { class: "marks-lines" });
  private readonly reports = svg("g", { class: "marks-reports" });
  private readonly drawn = svg("path", { class: "marks-draft" });
  private readonly told = svg("text", { class: "mark-label" });
  private readonly own = new Map<string, Mark>();

  constructor(
    readonly stage: Stage,
    private readonly by: Surroundings,
  ) {
    this.element.setAttribute("aria-label", text("Measurements"));
    this.element.append(this.lines, this.reports, this.drawn, this.told);
    stage.element.append(this.element);
    stage.subscribe(() => this.draw());
    by.book.subscribe(() => this.draw());
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  /** Draw all of it where it is now. */
  draw(): void {
    const image = this.stage.image();
    this.drawLines();
    this.drawGroups(image);
    this.drawDraft(image);
    const here = image ? this.by.book.state.items.filter((one) => one.sopInstanceUid === image.sopInstanceUid && one.frame === image.frame) : [];
    for (const [id, mark] of this.own) {
      if (here.some((one) => one.id === id)) continue;
      mark.element.remove();
      this.own.delete(id);
    }
    const boxes = here.map((one) => around(this.onScreen(one)));
    const taken: Box[] = [...boxes];
    here.forEach((one, at) => {
      let mark = this.own.get(one.id);
      if (!mark) {
        mark = new Mark(one.id, this);
        this.own.set(one.id, mark);
        this.element.append(mark.element);
      }
      taken.push(mark.draw(one, image!, boxes[at]!, taken.filter((box) => box !== boxes[at])));
    });
  }

  /** What is being drawn, and what it measures so far. */
  private drawDraft(image: ShownImage | null): void {
    const { draft } = this;
    this.drawn.setAttribute("d", draft ? this.pathOf(draft.shape, draft.points) : "");
    const whole = draft !== null && image !== null && draft.points.length === SHAPES[draft.shape];
    const said = whole ? words(measure(draft.shape, draft.points, image)) : [];
    this.told.textContent = said.join("  ");
    if (said.length === 0) return;
    const box = around(draft!.points.map((point) => this.stage.toScreen(point)));
    this.told.setAttribute("x", String(box.x + box.width + LINE));
    this.told.setAttribute("y", String(box.y + box.height / 2));
  }

  /** Of a shape what there is to leave free, on the screen. */
  private onScreen({ shape, points }: Annotation): Point[] {
    const all = [...points, ...linesOf(shape, points).flatMap(({ lines }) => lines)];
    return all.map((point) => this.stage.toScreen(point));
  }

  pathOf(shape: Annotation["shape"], points: readonly Point[]): string {
    if (shape === "probe") return points.map((point) => cross(this.stage.toScreen(point))).join("");
    return linesOf(shape, points).map(({ lines, closed }) => path(lines.map((point) => this.stage.toScreen(point)), closed)).join("");
  }

  /** Where the images of other viewports cut this one. */
  drawLines(): void {
    const image = this.stage.image();
    const here = image && planeOf(image.instance, image.frame);
    const found = (here ? this.by.others(this.stage) : []).flatMap((other) => {
      const there = other.image();
      const plane = there && there.studyUid === image!.studyUid ? planeOf(there.instance, there.frame) : null;
      const line = plane && referenceLine(plane, here!);
      return line ? [path(line.map((point) => this.stage.toScreen(point)), false)] : [];
    });
    show(this.lines, found);
  }

  private drawGroups(image: ShownImage | null): void {
    if (!image) return show(this.reports, []);
    const place = { ...image, plane: planeOf(image.instance, image.frame) };
    const found = this.by.groups().flatMap((group) =>
      group.graphics.flatMap((graphic) => {
        const points = on(graphic, place);
        if (!points) return [];
        if (points.length === 1 || graphic.drawing === "MULTIPOINT") return [points.map((point) => cross(this.stage.toScreen(point))).join("")];
        const { lines, closed } = outline(graphic.drawing, points);
        return [path(lines.map((point) => this.stage.toScreen(point)), closed)];
      }),
    );
    show(this.reports, found);
  }

  // ------------------------------------------------------------------ what people do to a mark

  get book(): Book {
    return this.by.book;
  }

  move(one: Annotation, points: readonly Point[], doing: string): void {
    if (!isNothing(one.shape, points)) this.book.do({ kind: "move", id: one.id, points, doing });
  }

  /** A point where it may be: within the image, and on its grid. */
  settled(one: Annotation, point: Point): Point {
    const image = this.stage.image()!;
    return settle(one.shape, point, image, this.by.snap());
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
    const id = event.target.closest("[data-mark]")?.getAttribute("data-mark");
    const one = this.book.state.items.find((item) => item.id === id);
    const image = this.stage.image();
    if (!one || !image) return;
    const way = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, Point>)[event.key];
    if (way) {
      const far = event.shiftKey ? 10 : 1;
      const by: Point = [way[0] * far, way[1] * far];
      const handle = event.target.getAttribute("data-handle");
      if (handle === null) this.move(one, shifted(one.points, by, image), "keys");
      else {
        const held = handlesOf(one.shape, one.points)[Number(handle)]!;
        this.move(one, held.moved(settle(one.shape, [held.at[0] + by[0], held.at[1] + by[1]], image, false)), `keys ${handle}`);
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.book.do({ kind: "remove", id: one.id });
      this.stage.element.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
  }
}

/** One measurement on one viewport. */
class Mark {
  readonly element: SVGGElement;
  private readonly hit = svg("path", { class: "mark-hit", "data-own-pointer": "" });
  private readonly halo = svg("path", { class: "mark-halo" });
  private readonly line = svg("path", { class: "mark-line" });
  private readonly leader = svg("path", { class: "mark-leader" });
  private readonly label = svg("text", { class: "mark-label" });
  private readonly handles = svg("g");
  private one: Annotation | null = null;

  constructor(
    id: string,
    private readonly overlay: Overlay,
  ) {
    this.element = svg("g", { class: "mark", "data-mark": id, role: "group", tabindex: 0 });
    this.element.append(this.halo, this.line, this.hit, this.leader, this.label, this.handles);
    this.element.addEventListener("focus", () => overlay.book.do({ kind: "select", id }));
    this.hit.addEventListener("pointerdown", (event) => this.grab(event, null));
  }

  /** Draw it; the box that its label takes. */
  draw(one: Annotation, image: ShownImage, finding: Box, taken: readonly Box[]): Box {
    this.one = one;
    const { stage, book } = this.overlay;
    const selected = book.state.selected === one.id;
    this.element.classList.toggle("is-selected", selected);
    const d = this.overlay.pathOf(one.shape, one.points);
    for (const element of [this.hit, this.halo, this.line]) element.setAttribute("d", d);
    const said = words(measured(one, image));
    this.element.setAttribute("aria-label", [one.label, ...said].join(", "));
    const rows = said.length > 0 ? said : [one.label];
    const size = { width: Math.max(...rows.map((row) => row.length)) * LETTER, height: rows.length * LINE };
    const { clientWidth: width, clientHeight: height } = stage.element;
    const box = placed(finding, size, { width, height }, taken);
    this.label.replaceChildren(
      ...rows.map((row, at) => {
        const line = svg("tspan", { x: box.x.toFixed(1), y: (box.y + LINE * (at + 0.75)).toFixed(1) });
        line.textContent = row;
        return line;
      }),
    );
    this.leader.setAttribute("d", leader(finding, box));
    this.drawHandles(selected ? one : null);
    return box;
  }

  private drawHandles(one: Annotation | null): void {
    const found = one ? handlesOf(one.shape, one.points) : [];
    while (this.handles.childElementCount > found.length) this.handles.lastElementChild!.remove();
    found.forEach(({ at }, number) => {
      const [cx, cy] = this.overlay.stage.toScreen(at);
      let handle = this.handles.children[number];
      if (!handle) {
        handle = svg("circle", { class: "mark-handle", r: 5, "data-own-pointer": "", "data-handle": number, role: "button", tabindex: 0 });
        handle.setAttribute("aria-label", text("Point {number} of {count}", { number: number + 1, count: found.length }));
        handle.addEventListener("pointerdown", (event) => this.grab(event as PointerEvent, number));
        this.handles.append(handle);
      }
      handle.setAttribute("cx", cx.toFixed(2));
      handle.setAttribute("cy", cy.toFixed(2));
    });
  }

  /** Drag the whole, or one handle. */
  private grab(event: PointerEvent, handle: number | null): void {
    const begun = this.one;
    const image = this.overlay.stage.image();
    if (event.button !== 0 || !begun || !image) return;
    event.preventDefault();
    event.stopPropagation();
    const target = event.currentTarget as SVGElement;
    (handle === null ? this.element : target).focus({ preventScroll: true });
    this.overlay.book.do({ kind: "select", id: begun.id });
    const { stage } = this.overlay;
    const corner = stage.element.getBoundingClientRect();
    const at = (now: PointerEvent): Point => stage.toImage([now.clientX - corner.left, now.clientY - corner.top]);
    const from = at(event);
    const doing = `drag ${event.timeStamp}`;
    const move = (now: PointerEvent): void => {
      const to = at(now);
      if (handle === null) {
        // A whole keeps its place on the grid: its first point is settled, the rest goes along.
        const first = begun.points[0]!;
        const settled = this.overlay.settled(begun, [first[0] + to[0] - from[0], first[1] + to[1] - from[1]]);
        this.overlay.move(begun, shifted(begun.points, [settled[0] - first[0], settled[1] - first[1]], image), doing);
      } else {
        const held = handlesOf(begun.shape, begun.points)[handle]!;
        this.overlay.move(begun, held.moved(this.overlay.settled(begun, to)), doing);
      }
    };
    target.setPointerCapture(event.pointerId);
    const stop = (): void => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", stop);
      target.removeEventListener("pointercancel", stop);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", stop);
    target.addEventListener("pointercancel", stop);
  }
}

/** From a finding to its label, unless that is right beside it. */
function leader(finding: Box, label: Box): string {
  const near = (low: number, size: number, to: number): number => Math.min(low + size, Math.max(low, to));
  const [x, y] = [label.x + label.width / 2, label.y + label.height / 2];
  const from: Point = [near(finding.x, finding.width, x), near(finding.y, finding.height, y)];
  const to: Point = [near(label.x, label.width, from[0]), near(label.y, label.height, from[1])];
  return Math.hypot(to[0] - from[0], to[1] - from[1]) < LINE ? "" : path([from, to], false);
}

/** As many paths in a group as there are, in place. */
function show(group: SVGGElement, found: readonly string[]): void {
  while (group.childElementCount > found.length) group.lastElementChild!.remove();
  while (group.childElementCount < found.length) group.append(svg("path"));
  found.forEach((d, at) => group.children[at]!.setAttribute("d", d));
}
