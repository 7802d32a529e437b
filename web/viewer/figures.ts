// The small panel of figures: what was loaded, and how fast.

import { text } from "../shell/text";
import type { Loader } from "./loader";
import type { Viewport } from "./viewport";

/** Bytes as people read them: powers of 1000. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export class Figures {
  readonly element = document.createElement("dl");
  private readonly values: HTMLElement[] = [];

  constructor() {
    this.element.className = "viewer-figures";
    const names = [text("Images loaded"), text("Current image"), text("Load time"), text("Bytes loaded"), text("Bytes decompressed"), text("In memory")];
    for (const name of names) {
      const value = document.createElement("dd");
      this.values.push(value);
      this.element.append(Object.assign(document.createElement("dt"), { textContent: name }), value);
    }
  }

  show(viewport: Viewport, loader: Loader): void {
    const frames = viewport.series?.frames ?? [];
    const took = viewport.frame ? loader.took(viewport.frame) : undefined;
    const said = [
      `${frames.filter((frame) => loader.isFull(frame)).length} / ${frames.length}`,
      String(frames.length > 0 ? viewport.index + 1 : 0),
      took === undefined ? "–" : `${took.toFixed(took < 10 ? 1 : 0)} ms`,
      bytes(loader.counts.bytesLoaded),
      bytes(loader.counts.bytesDecompressed),
      bytes(loader.cachedBytes),
    ];
    said.forEach((value, index) => (this.values[index]!.textContent = value));
  }
}
