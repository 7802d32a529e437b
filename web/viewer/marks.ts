// Times that the page takes of itself (User Timing): benchmarks and tests read these.
//
//   iryo:opened        the viewer's script runs
//   iryo:metadata      the metadata of the first series are there
//   iryo:first-coarse  something of the first image is on the screen
//   iryo:first-image   all of it is
//   iryo:switch-coarse, iryo:switch-image   measures, from the click on another series to the same
//   iryo:scroll        a measure of a run of scrolling; detail: images shown, images a second

export type Mark = "opened" | "metadata" | "first-coarse" | "first-image";

/** Milliseconds without an image that end a run of scrolling. */
const PAUSE = 400;

export class Marks {
  private readonly made = new Set<Mark>();
  private clicked: { readonly at: number; coarse: boolean } | null = null;
  private run: { readonly from: number; last: number; images: number } | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Make a mark, once. */
  mark(name: Mark): void {
    if (this.made.has(name)) return;
    this.made.add(name);
    performance.mark(`iryo:${name}`);
  }

  /** Somebody asked for another series. */
  click(): void {
    this.clicked = { at: performance.now(), coarse: false };
  }

  /** A frame that was not on the screen before is on it. */
  painted(full: boolean): void {
    this.mark("first-coarse");
    if (full) this.mark("first-image");
    const { clicked } = this;
    if (!clicked) return;
    if (!clicked.coarse) performance.measure("iryo:switch-coarse", { start: clicked.at });
    clicked.coarse = true;
    if (!full) return;
    performance.measure("iryo:switch-image", { start: clicked.at });
    this.clicked = null;
  }

  /** Another image than before is on the screen, because someone scrolls. */
  scrolled(): void {
    const now = performance.now();
    this.run ??= { from: now, last: now, images: 0 };
    this.run.images += 1;
    this.run.last = now;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ended(), PAUSE);
  }

  private ended(): void {
    const { run } = this;
    this.run = null;
    if (!run || run.images < 2) return;
    performance.clearMeasures("iryo:scroll"); // the last run is enough, and a day of them is many
    const rate = ((run.images - 1) * 1000) / Math.max(run.last - run.from, 1);
    performance.measure("iryo:scroll", { start: run.from, end: run.last, detail: { images: run.images, rate } });
  }
}
