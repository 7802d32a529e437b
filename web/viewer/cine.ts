// Plays a stack, round and round, at the rate that the data ask for.

import { frameRate } from "./described";
import type { Viewport } from "./viewport";

export class Cine {
  private timer = 0;
  private viewport: Viewport | null = null;
  private began = 0;
  private from = 0;
  private rate = 10;

  /** @param changed called when it begins and ends */
  constructor(private readonly changed: () => void) {}

  get playing(): boolean {
    return this.viewport !== null;
  }

  get framesPerSecond(): number {
    return this.rate;
  }

  plays(viewport: Viewport): boolean {
    return this.viewport === viewport;
  }

  /** The rate of what is shown, before anybody changes it. */
  prepare(viewport: Viewport): void {
    if (!this.playing && viewport.frame) this.rate = frameRate(viewport.frame.instance);
  }

  setRate(rate: number): void {
    if (!(rate > 0)) return;
    this.rate = Math.min(rate, 120);
    if (this.viewport) this.restart(this.viewport);
  }

  toggle(viewport: Viewport): void {
    if (this.playing) this.stop();
    else if ((viewport.series?.frames.length ?? 0) > 1) this.restart(viewport);
    this.changed();
  }

  stop(): void {
    cancelAnimationFrame(this.timer);
    this.viewport = null;
  }

  private restart(viewport: Viewport): void {
    cancelAnimationFrame(this.timer);
    this.viewport = viewport;
    this.began = performance.now();
    this.from = viewport.index;
    this.tick();
  }

  private tick(): void {
    this.timer = requestAnimationFrame(() => {
      const { viewport } = this;
      if (!viewport) return;
      const count = viewport.series?.frames.length ?? 0;
      const due = (this.from + Math.floor(((performance.now() - this.began) * this.rate) / 1000)) % Math.max(count, 1);
      if (due !== viewport.index) {
        viewport.scrollTo(due);
        viewport.direction = 1; // where it begins again it does not run backwards
      }
      this.tick();
    });
  }
}
