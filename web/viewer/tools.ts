// The measuring tools, segments, reports and MPR, as the viewer's page takes them in.

import { text } from "../shell/text";
import { Book, newUid, unsaved } from "./annotations";
import { begin, drag, isDone, isNothing, press, release, settle } from "./draft";
import type { Point } from "./geometry";
import { SHAPES, type Shape } from "./measure";
import { openMpr } from "./mprview";
import { Overlay } from "./overlay";
import type { Command, Gesture, PageSeam, Plugin, PointerTool } from "./plug";
import { Results } from "./results";
import type { Stage } from "./seam";
import { SegmentLayer, Switches } from "./segments";
import type { Group } from "./sr";
import { type Extras, extrasOf, keep, worthKeeping } from "./study";
import { shapeName } from "./wording";

const ICONS: Readonly<Record<Shape, string>> = {
  length: '<path d="M4 20 20 4M4 15v5h5M15 4h5v5"/>',
  angle: '<path d="M19 5 5 19h15M13 19a8 8 0 0 0-2.4-5.6"/>',
  cobb: '<path d="M4 5l14 3M4 19l14-3M18 8v8"/>',
  ellipse: '<ellipse cx="12" cy="12" rx="9" ry="6"/>',
  rectangle: '<rect x="3.5" y="6" width="17" height="12"/>',
  probe: '<circle cx="12" cy="12" r="3"/><path d="M12 3v6M12 15v6M3 12h6M15 12h6"/>',
};
const KEYS: Readonly<Record<Shape, string>> = { length: "A", angle: "N", cobb: "B", ellipse: "E", rectangle: "Q", probe: "U" };
/** Screen pixels below which a press and a release are a click. */
const CLICK = 3;

class Tools {
  readonly book = new Book();
  readonly switches = new Switches();
  snap = true;
  page: PageSeam | null = null;
  extras: Extras = { segmentations: [], reports: [] };
  readonly hidden = new Set<Group>();
  private readonly overlays = new Map<Stage, Overlay>();
  private readonly layers = new Map<Stage, SegmentLayer>();
  private readonly results: Results;
  private loaded = "";

  constructor() {
    this.results = new Results({
      book: this.book,
      switches: this.switches,
      layers: () => [...this.layers.values()],
      stage: () => this.page!.active(),
      extras: () => this.extras,
      hidden: this.hidden,
      redraw: () => this.redraw(),
      save: () => void this.save(),
    });
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("beforeunload", (event) => {
      if (unsaved(this.book.state).length > 0) event.preventDefault();
    });
  }

  attach(stage: Stage, page: PageSeam): void {
    this.page = page;
    const layer = new SegmentLayer(stage, page, this.switches);
    layer.show(this.extras.segmentations);
    this.layers.set(stage, layer);
    const overlay = new Overlay(stage, {
      book: this.book,
      snap: () => this.snap,
      others: (one) => page.stages().filter((other) => other !== one),
      groups: () => this.groups(),
    });
    this.overlays.set(stage, overlay);
    // Where another viewport is cuts this one elsewhere.
    stage.subscribe(() => this.overlays.forEach((other) => other !== overlay && other.drawLines()));
  }

  opened(page: PageSeam): void {
    this.page = page;
    void this.load();
  }

  panel(): void {
    this.page?.panel("results", text("Measurements and segments"), this.results.element);
  }

  private redraw(): void {
    this.overlays.forEach((overlay) => overlay.draw());
  }

  /** What reports say and is not being changed here. */
  private groups(): Group[] {
    const here = new Set(this.book.state.items.map((one) => one.id));
    const seen = new Set<string>();
    return this.extras.reports.flatMap((report) => report.groups).filter((group) => {
      const { trackingUid } = group;
      // The newest report of what is tracked counts.
      const old = trackingUid !== "" && (seen.has(trackingUid) || here.has(trackingUid));
      seen.add(trackingUid);
      return !old && !this.hidden.has(group);
    });
  }

  private async load(): Promise<void> {
    const { page } = this;
    const study = page && page.stages().flatMap((stage) => page.stack(stage))[0]?.studyUid;
    if (!page || !study || this.loaded === study) return;
    this.loaded = study;
    try {
      this.extras = await extrasOf(page.datastore, study);
    } catch {
      this.loaded = "";
      page.say(text("Segmentations and reports could not be loaded."), "error");
      return;
    }
    this.layers.forEach((layer) => layer.show(this.extras.segmentations));
    this.results.show();
    this.redraw();
  }

  private async save(): Promise<void> {
    const { page, book } = this;
    const waiting = unsaved(book.state);
    const items = worthKeeping(waiting);
    const study = page?.active().image()?.studyUid;
    if (!page || !study || waiting.length === 0) return;
    if (items.length === 0) return page.say(text("There is no number to save."), "error");
    try {
      await keep(page.datastore, study, items);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      page.say(text("The measurements could not be saved: {reason}", { reason }), "error");
      return;
    }
    book.do({ kind: "saved", items });
    page.say(text("Measurements saved: {n}", { n: items.length }), "info");
    this.loaded = "";
    await this.load();
  }

  private key(event: KeyboardEvent): void {
    const { book } = this;
    if (event.target instanceof Element && event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select")) return;
    const letter = event.key.toUpperCase();
    if ((event.ctrlKey || event.metaKey) && (letter === "Z" || letter === "Y")) {
      book.do({ kind: letter === "Y" || event.shiftKey ? "redo" : "undo" });
      event.preventDefault();
    } else if (event.key === "Escape") {
      this.overlays.forEach((overlay) => {
        overlay.draft = null;
        overlay.draw();
      });
      book.do({ kind: "select", id: null });
    } else if (event.key === "Delete" && book.state.selected) {
      book.do({ kind: "remove", id: book.state.selected });
      event.preventDefault();
    }
  }

  // -------------------------------------------------------------------------------- drawing

  tool(shape: Shape): PointerTool {
    return {
      id: shape,
      label: shapeName(shape),
      icon: ICONS[shape],
      key: KEYS[shape],
      cursor: "crosshair",
      down: (stage, event, at) => this.down(shape, stage, event, at),
    };
  }

  private down(shape: Shape, stage: Stage, event: PointerEvent, at: Point): Gesture | null {
    const overlay = this.overlays.get(stage);
    const image = stage.image();
    if (!overlay || !image) return null;
    const on = (point: Point): Point => settle(shape, point, image, this.snap);
    const before = overlay.draft;
    const goesOn = before?.shape === shape && this.drawnOn.get(overlay) === `${image.sopInstanceUid}/${image.frame}`;
    overlay.draft = goesOn ? press(before, on(at)) : begin(shape, on(at));
    this.drawnOn.set(overlay, `${image.sopInstanceUid}/${image.frame}`);
    overlay.draw();
    const [x, y] = [event.clientX, event.clientY];
    const moved = (now: PointerEvent): boolean => Math.hypot(now.clientX - x, now.clientY - y) > CLICK;
    const move = (now: PointerEvent, to: Point): void => {
      if (!overlay.draft || !moved(now)) return;
      overlay.draft = drag(overlay.draft, on(to));
      overlay.draw();
    };
    const up = (now: PointerEvent, to: Point): void => {
      move(now, to);
      if (!overlay.draft) return;
      overlay.draft = release(overlay.draft, moved(now));
      if (isDone(overlay.draft)) this.done(overlay, image.sopInstanceUid, image.frame);
      overlay.draw();
    };
    const cancel = (): void => {
      overlay.draft = null;
      overlay.draw();
    };
    return { move, up, cancel };
  }

  private readonly drawnOn = new WeakMap<Overlay, string>();

  private done(overlay: Overlay, sopInstanceUid: string, frame: number): void {
    const { shape, points } = overlay.draft!;
    overlay.draft = null;
    if (isNothing(shape, points)) return;
    const number = this.book.state.items.filter((one) => one.shape === shape).length + 1;
    this.book.do({
      kind: "add",
      annotation: { id: newUid(), label: `${shapeName(shape)} ${number}`, shape, points, sopInstanceUid, frame },
    });
  }
}

export function plugin(): Plugin {
  const tools = new Tools();
  const commands: Command[] = [
    {
      id: "results",
      label: text("Measurements and segments"),
      icon: '<path d="M4 6h2M4 12h2M4 18h2M9 6h11M9 12h11M9 18h11"/>',
      key: "J",
      run: () => tools.panel(),
    },
    {
      id: "snap",
      label: text("Snap to pixels"),
      icon: '<path d="M6 4v8a6 6 0 0 0 12 0V4M6 8h4V4M18 8h-4V4"/>',
      key: "Y",
      run: () => void (tools.snap = !tools.snap),
      active: () => tools.snap,
    },
    {
      id: "mpr",
      label: text("Three planes (MPR)"),
      icon: '<path d="M4 8l8-4 8 4-8 4zM4 8v8l8 4 8-4V8M12 12v8"/>',
      key: "M",
      run: (page) => openMpr(page),
    },
  ];
  return {
    tools: (Object.keys(SHAPES) as Shape[]).map((shape) => tools.tool(shape)),
    commands,
    attach: (stage, page) => tools.attach(stage, page),
    opened: (page) => tools.opened(page),
  };
}
