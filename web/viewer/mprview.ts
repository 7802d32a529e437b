// Three planes through a series: axial, coronal, sagittal, with one crosshair.

import { text } from "../shell/text";
import { valueScaleOf } from "./calibration";
import { coarse, Cutter, handedOver } from "./cutter";
import { greys, type Window, windowOf } from "./curves";
import { look } from "./described";
import type { Frame } from "./frames";
import { edges, type Point, toImage, type Vector } from "./geometry";
import type { Cut, Projection } from "./mpr";
import type { PageSeam } from "./plug";
import { presets } from "./presets";
import { svg } from "./shapes";
import { centre, cutOf, placeOn, planeOfCut, type View, VIEWS, within } from "./views";
import { type Chosen, chosenOf, isTilted, type Obstacle, type Stack, stackOf } from "./volume";

const TOGETHER = 8; // frames that are waited for at a time
const THICKNESSES = [0, 2, 5, 10, 20, 40]; // millimetres

function reason(obstacle: Obstacle): string {
  return {
    few: text("it has fewer than three images with a position"),
    "frames of reference": text("its images are of different frames of reference"),
    orientation: text("its images are not parallel"),
    size: text("its images are of different sizes"),
    "same place": text("several of its images are at the same place"),
  }[obstacle];
}

/** Open the three planes of the active viewport's series; or say why there are none. */
export function openMpr(page: PageSeam): void {
  const stage = page.active();
  const all = page.stack(stage);
  const chosen = chosenOf(all.map((frame) => frame.plane));
  const frames = chosen.images.map((at) => all[at]!);
  const stack = stackOf(frames.map((frame) => frame.plane));
  const url = document.querySelector<HTMLElement>("iryo-viewer")?.dataset["mprWorker"];
  if (typeof stack === "string") {
    page.say(text("This series makes no volume: {reason}.", { reason: reason(stack) }), "error");
    return;
  }
  if (!url) return;
  new MprView(page, stack, stack.order.map((at) => frames[at]!), chosen, url).open();
}

function named(view: View): string {
  return { axial: text("Axial"), coronal: text("Coronal"), sagittal: text("Sagittal") }[view];
}

class MprView {
  private readonly dialog = document.createElement("dialog");
  private readonly cutter: Cutter;
  private readonly panes = new Map<View, Pane>();
  private readonly told = document.createElement("p");
  private readonly window: { now: Window; invert: boolean };
  private place: Vector;
  private thickness = 0;
  private projection: Projection = "mean";
  private open_ = true;
  /** Whether the file names no window, and no plane has come yet. */
  private unknown: boolean;
  /** Slope and intercept differ from image to image, as of PET: then values are cut, not samples. */
  private readonly scaled: boolean;

  constructor(
    private readonly page: PageSeam,
    private readonly stack: Stack,
    private readonly frames: readonly Frame[],
    private readonly chosen: Chosen,
    worker: string,
  ) {
    this.place = centre(stack);
    const scales = frames.map((frame) => valueScaleOf(frame.instance, frame.frame));
    this.scaled = scales.some((one) => one.slope !== scales[0]!.slope || one.intercept !== scales[0]!.intercept);
    const first = look(frames[0]!.instance, frames[0]!.frame);
    const [known] = first.windows;
    this.window = { now: known ?? windowOf(0, 0), invert: first.stored.photometric === "MONOCHROME1" };
    this.unknown = known === undefined;
    this.cutter = new Cutter(worker, stack, (view, cut, data) => this.cutDone(view, cut, this.values(data)));
    this.build();
  }

  open(): void {
    document.querySelector("iryo-viewer")!.append(this.dialog);
    this.dialog.showModal();
    this.ask();
    void this.load();
  }

  private cutDone(view: View, cut: Cut, values: Float32Array): void {
    if (this.unknown) {
      let [low, high] = [Infinity, -Infinity];
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      // Of a file that names no window: all values of the first plane that has some.
      this.unknown = !(high > low);
      if (!this.unknown) this.setWindow(windowOf(low, high));
    }
    this.panes.get(view)!.paint(cut, values, this.window.now, this.window.invert);
  }

  private values(data: Float32Array): Float32Array {
    if (this.scaled) return data;
    const { slope, intercept } = valueScaleOf(this.frames[0]!.instance, this.frames[0]!.frame);
    return slope === 1 && intercept === 0 ? data : data.map((sample) => slope * sample + intercept);
  }

  /** Hand the images to the worker, from the middle outwards. */
  private async load(): Promise<void> {
    const { length } = this.frames;
    const middle = length >> 1;
    const order = this.frames.map((_, at) => at).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    let [begun, came, failed] = [0, 0, 0];
    const next = async (): Promise<void> => {
      while (begun < length && this.open_) {
        const at = order[begun++]!;
        const samples = await this.page.load(this.frames[at]!);
        if (!this.open_) return;
        if (samples) this.cutter.image(at, handedOver(samples, this.scaled));
        came += 1;
        failed += samples ? 0 : 1;
        this.tell(came, failed);
        // What can be seen of it so far, now and then; and at the end.
        if (came % 32 === 0 || came === length) this.ask();
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, next));
  }

  private tell(came: number, failed: number): void {
    const { length } = this.frames;
    const notes = [
      came < length ? text("{n} of {all} images loaded", { n: came, all: length }) : "",
      failed > 0 ? text("{n} images could not be loaded", { n: failed }) : "",
      this.chosen.others > 0 ? text("{n} images of other planes or sizes are left out", { n: this.chosen.others }) : "",
      this.chosen.again > 0 ? text("{n} further images at the same places are left out", { n: this.chosen.again }) : "",
      isTilted(this.stack) ? text("Tilted by {degrees}°: interpolated between the images where they lie", { degrees: this.stack.tilt.toFixed(1) }) : "",
      this.stack.even ? "" : text("Images are unevenly spaced: interpolated between neighbours"),
    ];
    this.told.textContent = notes.filter(Boolean).join(" · ");
    this.dialog.dataset["loaded"] = String(came - failed);
  }

  /** Ask for all planes where the crosshair is; while it is moved, of slabs coarse ones. */
  private ask(moving = false, only: readonly View[] = VIEWS): void {
    for (const view of VIEWS) {
      const cut = cutOf(this.stack, view, this.place, this.thickness, this.projection);
      this.panes.get(view)!.cross(cut, this.place);
      if (only.includes(view)) this.cutter.ask(view, moving && this.thickness > 0 ? coarse(cut) : cut);
    }
  }

  private go(place: Vector, moving: boolean, from: View | null): void {
    const before = this.place;
    this.place = within(this.stack, place);
    // A plane along which the crosshair only slides stays as it is.
    const depths: Record<View, 0 | 1 | 2> = { axial: 2, coronal: 1, sagittal: 0 };
    const changed = VIEWS.filter((view) => view !== from && this.place[depths[view]] !== before[depths[view]]);
    this.ask(moving, moving || from === null ? changed : VIEWS);
  }

  // --------------------------------------------------------------------------------- the dialog

  private build(): void {
    const { dialog } = this;
    dialog.className = "mpr";
    dialog.setAttribute("aria-label", text("Three planes (MPR)"));
    this.told.className = "mpr-told";
    this.told.setAttribute("role", "status");
    const close = Object.assign(document.createElement("button"), { type: "button", className: "mpr-close", textContent: text("Close") });
    close.addEventListener("click", () => dialog.close());
    const bar = document.createElement("header");
    bar.append(Object.assign(document.createElement("h2"), { textContent: text("Three planes (MPR)") }), ...this.controls(), this.told, close);
    const grid = document.createElement("div");
    grid.className = "mpr-views";
    for (const view of VIEWS) {
      const pane = new Pane(named(view), this.frames[0]!.plane!.frameOfReference, {
        go: (place, moving) => this.go(place, moving, moving ? view : null),
        step: (along, count) => {
          const { normal } = along;
          const by = this.stack.step * count;
          this.go(this.place.map((one, axis) => one + normal[axis as 0] * by) as unknown as Vector, false, null);
        },
        nudge: (along, [x, y]) => {
          const { right, down, spacing } = along;
          this.go(this.place.map((one, axis) => one + (right[axis as 0] * x + down[axis as 0] * y) * spacing[0]) as unknown as Vector, false, null);
        },
        window: (center, width) => this.setWindow({ center: this.window.now.center + center, width: Math.max(1, this.window.now.width + width) }),
      });
      this.panes.set(view, pane);
      grid.append(pane.element);
    }
    dialog.append(bar, grid);
    // Keys are the planes' here, and not the viewer's beneath.
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.addEventListener("close", () => this.closed());
    this.tell(0, 0);
  }

  private setWindow(now: Window): void {
    this.window.now = now;
    for (const pane of this.panes.values()) pane.again(now, this.window.invert);
  }

  private controls(): HTMLElement[] {
    const choice = (label: string, options: readonly (readonly [string, string])[], chosen: (value: string) => void): HTMLElement => {
      const select = document.createElement("select");
      select.append(...options.map(([value, name]) => new Option(name, value)));
      select.addEventListener("change", () => chosen(select.value));
      const around = document.createElement("label");
      around.append(label, select);
      return around;
    };
    const begun = this.window.now;
    const found = presets(look(this.frames[0]!.instance, this.frames[0]!.frame)).filter((one) => one.choice.window);
    const windows = [["", text("As the file says")] as const, ...found.map((one, at) => [String(at), one.label] as const)];
    return [
      ...(found.length > 0 ? [choice(text("Window"), windows, (at) => this.setWindow(at === "" ? begun : found[Number(at)]!.choice.window!))] : []),
      choice(text("Thickness"), THICKNESSES.map((one) => [String(one), one === 0 ? text("one plane") : `${one} mm`]), (value) => {
        this.thickness = Number(value);
        this.ask();
      }),
      choice(text("Of a slab"), [["mean", text("Mean")], ["maximum", text("Maximum (MIP)")], ["minimum", text("Minimum (MinIP)")]], (value) => {
        this.projection = value as Projection;
        this.ask();
      }),
    ];
  }

  /** The viewport goes where the crosshair was. */
  private closed(): void {
    this.open_ = false;
    this.cutter.close();
    this.dialog.remove();
    const { first, positions } = this.stack;
    const depth = this.place.reduce((sum, one, axis) => sum + (one - first.origin[axis as 0]) * first.normal[axis as 0], 0);
    const nearest = positions.reduce((best, one, at) => (Math.abs(one - depth) < Math.abs(positions[best]! - depth) ? at : best), 0);
    const frame = this.frames[nearest]!;
    this.page.active().show(frame.sopInstanceUid, frame.frame);
  }
}

type Along = ReturnType<typeof planeOfCut>;

interface PaneWishes {
  go(place: Vector, moving: boolean): void;
  step(along: Along, count: number): void;
  nudge(along: Along, by: Point): void;
  window(center: number, width: number): void;
}

/** One plane: picture, crosshair, letters of the directions. */
class Pane {
  readonly element = document.createElement("figure");
  private readonly canvas = document.createElement("canvas");
  private readonly lines = svg("svg", { class: "mpr-cross", preserveAspectRatio: "xMidYMid meet" });
  private readonly cross_ = svg("path");
  private cut: Cut | null = null;
  private shown: { cut: Cut; values: Float32Array } | null = null;

  constructor(
    label: string,
    private readonly frameOfReference: string,
    private readonly by: PaneWishes,
  ) {
    this.element.className = "mpr-view";
    this.element.tabIndex = 0;
    this.element.setAttribute("aria-label", text("{plane}: arrows move the crosshair, Page up and down the plane", { plane: label }));
    this.element.dataset["view"] = label;
    this.lines.setAttribute("aria-hidden", "true");
    this.lines.append(this.cross_);
    this.element.append(this.canvas, this.lines, Object.assign(document.createElement("figcaption"), { textContent: label }));
    this.element.addEventListener("pointerdown", (event) => this.pointer(event));
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (this.cut) this.by.step(this.along(), Math.sign(event.deltaY));
    }, { passive: false });
  }

  private along(): Along {
    return planeOfCut(this.cut!, this.frameOfReference);
  }

  /** Where the crosshair is on this plane. */
  cross(cut: Cut, place: Vector): void {
    if (!this.cut) {
      const named = edges(planeOfCut(cut, this.frameOfReference));
      for (const [side, letter] of Object.entries(named)) {
        this.element.append(Object.assign(document.createElement("span"), { className: `mpr-letter is-${side}`, textContent: letter }));
      }
    }
    this.cut = cut;
    const [x, y] = toImage(this.along(), place);
    this.lines.setAttribute("viewBox", `0 0 ${cut.columns} ${cut.rows}`);
    const gap = Math.min(cut.columns, cut.rows) / 25;
    this.cross_.setAttribute("d", `M0 ${y}H${x - gap}M${x + gap} ${y}H${cut.columns}M${x} 0V${y - gap}M${x} ${y + gap}V${cut.rows}`);
  }

  paint(cut: Cut, values: Float32Array, window: Window, invert: boolean): void {
    this.shown = { cut, values };
    this.again(window, invert);
  }

  /** The same values through another window. */
  again(window: Window, invert: boolean): void {
    if (!this.shown) return;
    const { cut, values } = this.shown;
    const image = new ImageData(cut.columns, cut.rows);
    greys(values, window, invert, new Uint32Array(image.data.buffer));
    if (this.canvas.width !== cut.columns || this.canvas.height !== cut.rows) Object.assign(this.canvas, { width: cut.columns, height: cut.rows });
    this.canvas.getContext("2d")?.putImageData(image, 0, 0);
  }

  private at(event: PointerEvent): Point {
    const back = this.lines.getScreenCTM()!.inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(back);
    return [x, y];
  }

  /** The left button moves the crosshair; the right one, or with Shift, the window. */
  private pointer(event: PointerEvent): void {
    if (!this.cut || event.button === 1) return;
    const windows = event.button === 2 || event.shiftKey;
    let [x, y] = [event.clientX, event.clientY];
    const move = (now: PointerEvent, moving = true): void => {
      if (windows) this.by.window(now.clientY - y, now.clientX - x);
      else this.by.go(placeOn(this.cut!, this.at(now)), moving);
      [x, y] = [now.clientX, now.clientY];
    };
    const up = (now: PointerEvent): void => {
      move(now, false);
      this.element.removeEventListener("pointermove", move as EventListener);
    };
    this.element.setPointerCapture(event.pointerId);
    this.element.addEventListener("pointermove", move as EventListener);
    this.element.addEventListener("pointerup", up, { once: true });
    if (!windows) move(event);
  }

  private key(event: KeyboardEvent): void {
    if (!this.cut) return;
    const far = event.shiftKey ? 10 : 1;
    const way = ({ ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] } as Record<string, Point>)[event.key];
    if (way) this.by.nudge(this.along(), way);
    else if (event.key === "PageDown" || event.key === "PageUp") this.by.step(this.along(), event.key === "PageDown" ? far : -far);
    else return;
    event.preventDefault();
  }
}
