// One viewport: which frame of which series it shows, and how.

import { Corners } from "./corners";
import { type Window, windowOf } from "./curves";
import type { Frame } from "./frames";
import type { Point } from "./geometry";
import type { Loaded, Loader } from "./loader";
import { Painter, type Shades } from "./painter";
import { text } from "../shell/text";
import type { Samples, ShownImage, Stage } from "./seam";
import type { Series } from "./series";
import { type Choice, chosen, rangeOfValues } from "./shades";
import { apply, inverse, matrix, type Matrix, type Picture, PLAIN, type Size, type View, zoomOf } from "./transform";

export interface Owner {
  readonly loader: Loader;
  readonly kept: Shades;
  /** A viewport shows another frame: others may follow, more is to be fetched. */
  scrolled(viewport: Viewport): void;
  /** It has been drawn. */
  painted(viewport: Viewport): void;
  /** Show a frame of this study, wherever it is. */
  show(viewport: Viewport, sopInstanceUid: string, frame: number): void;
}

export class Viewport implements Stage {
  readonly element = document.createElement("div");
  readonly canvas = document.createElement("canvas");
  view: View = PLAIN;
  choice: Choice = {};
  smooth = true;
  overlay = true;
  direction: 1 | -1 = 1;
  series: Series | null = null;
  /** In `series.frames`: what a person has scrolled to. */
  index = 0;
  /** What is on the screen: it may be an older frame, until the one at `index` has come. */
  shown: Loaded | null = null;
  private readonly painter: Painter;
  private readonly corners: Corners;
  private readonly listeners = new Set<() => void>();
  private readonly slider = document.createElement("input");
  private readonly note = document.createElement("p");
  private size: Size = { width: 0, height: 0 };
  private due = 0;
  /** Of series that name no window: that of the first frame, so that scrolling does not flicker. */
  private fallback: { readonly window: Window; readonly full: boolean } | undefined;

  constructor(private readonly owner: Owner) {
    this.element.className = "viewport";
    this.element.tabIndex = -1;
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", text("Viewport"));
    this.canvas.className = "viewport-image";
    this.painter = new Painter(this.canvas, owner.kept);
    this.corners = new Corners();
    this.note.className = "viewport-note";
    this.note.setAttribute("role", "status");
    Object.assign(this.slider, { type: "range", className: "viewport-slider", min: "1", value: "1", hidden: true });
    this.slider.setAttribute("aria-label", text("Image"));
    this.slider.addEventListener("input", () => this.scrollTo(Number(this.slider.value) - 1));
    this.element.append(this.canvas, this.corners.element, this.slider, this.note);
    new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      this.size = { width, height };
      this.invalidate();
    }).observe(this.element);
  }

  get frame(): Frame | null {
    return this.series?.frames[this.index] ?? null;
  }

  /** Show a series, from a frame on. */
  open(series: Series, index = 0): void {
    this.series = series;
    this.index = Math.min(Math.max(index, 0), Math.max(series.frames.length - 1, 0));
    this.shown = null;
    this.fallback = undefined;
    this.view = PLAIN;
    this.choice = {};
    this.slider.hidden = series.frames.length < 2;
    this.slider.max = String(Math.max(series.frames.length, 1));
    this.scrolled();
  }

  scrollTo(index: number): void {
    const count = this.series?.frames.length ?? 0;
    const next = Math.min(Math.max(Math.round(index), 0), count - 1);
    if (count === 0 || next === this.index) return;
    this.direction = next > this.index ? 1 : -1;
    this.index = next;
    this.scrolled();
  }

  scrollBy(step: number): void {
    this.scrollTo(this.index + step);
  }

  private scrolled(): void {
    this.slider.value = String(this.index + 1);
    this.owner.scrolled(this);
    this.arrived();
  }

  /** The loader has something: show it if it is what is wanted. */
  arrived(): void {
    const { frame } = this;
    if (!frame) return this.invalidate();
    const found = this.owner.loader.get(frame);
    if (found && found !== this.shown) {
      this.shown = found;
      const nameless = found.look.windows.length === 0 && found.look.tables.length === 0;
      // A coarse image has a smaller range than all of it.
      if (nameless && !this.fallback?.full && found.levels[0]!.samples === 1) {
        this.fallback = { window: windowOf(...rangeOfValues(found.look, found.range)), full: found.full };
      }
    } else if (!found && this.owner.loader.failures.has(frame.key)) this.shown = null;
    this.invalidate();
  }

  change(change: Partial<Pick<Viewport, "view" | "choice" | "smooth" | "overlay">>): void {
    Object.assign(this, change);
    this.invalidate();
  }

  /** The choice that is in effect: a person's, the file's, or all values. */
  effective(): Choice {
    if (!this.shown) return this.choice;
    const { look, range } = this.shown;
    const named = this.choice.window || this.choice.table || look.windows.length > 0 || look.tables.length > 0;
    if (!named && this.fallback) return { ...this.choice, window: this.fallback.window };
    return chosen(look, this.choice, rangeOfValues(look, range));
  }

  /** The window in effect, of a table the one that spans it. */
  window(): Window {
    const { window, table } = this.effective();
    if (window) return window;
    return table ? windowOf(table.first, table.first + table.entries.length - 1) : windowOf(0, 255);
  }

  get picture(): Picture {
    const frame = this.shown?.frame ?? this.frame;
    return frame ?? { columns: 1, rows: 1, aspect: 1 };
  }

  get box(): Size {
    return this.size;
  }

  get zoom(): number {
    return zoomOf(this.view, this.picture, this.size);
  }

  matrix(): Matrix {
    return matrix(this.view, this.picture, this.size);
  }

  /** Draw soon, once for all that changes until then. */
  invalidate(): void {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      this.paint();
    });
  }

  paint(): void {
    this.painter.paint(this.shown, this.effective(), this.matrix(), this.size, this.smooth);
    this.corners.show(this, this.overlay);
    this.tell();
    for (const listener of this.listeners) listener();
    this.owner.painted(this);
  }

  /** What a person must know of a frame that is not there. */
  private tell(): void {
    const { frame, series } = this;
    const { loader } = this.owner;
    let note = "";
    if (series && series.frames.length === 0) note = text("This series has no images.");
    else if (frame && loader.failures.has(frame.key)) {
      note = text("Image {number} cannot be shown: {reason}", { number: this.index + 1, reason: loader.failures.get(frame.key)! });
    } else if (frame && this.shown?.frame.key !== frame.key) {
      note = series && loader.isDeleted(series.uid) ? text("Image {number} was not loaded before the series was deleted.", { number: this.index + 1 }) : text("Loading image {number}", { number: this.index + 1 });
    }
    if (this.note.textContent !== note) this.note.textContent = note;
    this.element.classList.toggle("is-waiting", frame !== null && this.shown !== null && this.shown.frame.key !== frame.key);
  }

  image(): ShownImage | null {
    if (!this.shown) return null;
    const { frame } = this.shown;
    return { ...frame, samples: samplesOf(this.shown) };
  }

  toScreen(point: Point): Point {
    return apply(this.matrix(), point);
  }

  toImage(point: Point): Point {
    return apply(inverse(this.matrix()), point);
  }

  subscribe(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }

  show(sopInstanceUid: string, frame: number): void {
    this.owner.show(this, sopInstanceUid, frame);
  }
}

/** What tools measure; null of colour, and until all of it is there. */
export function samplesOf(loaded: Loaded): Samples | null {
  const [raster] = loaded.levels;
  if (!loaded.full || raster!.samples !== 1 || loaded.look.modality || loaded.look.palette) return null;
  return { data: raster!.data, slope: loaded.look.slope, intercept: loaded.look.intercept };
}
