// What the viewer is doing, for tests and benchmarks: `document.querySelector("iryo-viewer").state`.
// A copy of what is; nothing can be done through it. docs/reference/viewer.md says what stands in it.

import type { Counts } from "./loader";
import type { Viewer } from "./viewer";

export interface ViewportState {
  readonly seriesUid: string;
  /** Of the images of the series, from 0, what a person has scrolled to. */
  readonly index: number;
  readonly count: number;
  /** What is on the screen; -1: nothing. */
  readonly shown: number;
  readonly sopInstanceUid: string;
  readonly frame: number;
  /** Whether it is on the screen in full quality. */
  readonly full: boolean;
  /** Why the image at `index` cannot be shown; empty: it can. */
  readonly failure: string;
  readonly center: number;
  readonly width: number;
  readonly invert: boolean;
  /** CSS pixels for a column. */
  readonly zoom: number;
  readonly turn: number;
  readonly flip: boolean;
  /** In the order of scrolling. */
  readonly order: readonly string[];
}

export interface ViewerState {
  readonly layout: number;
  readonly active: number;
  readonly online: boolean;
  /** Whether the pictures of the series are drawn, as far as they are in sight. */
  readonly thumbnails: boolean;
  readonly playing: boolean;
  readonly rate: number;
  readonly counts: Readonly<Counts>;
  readonly cachedFrames: number;
  readonly cachedBytes: number;
  readonly viewports: readonly ViewportState[];
}

export function stateOf({ layout, online, cine, loader, thumbs }: Viewer): ViewerState {
  return Object.freeze({
    layout: layout.count,
    active: layout.activeIndex,
    online,
    thumbnails: thumbs.drawn,
    playing: cine.playing,
    rate: cine.framesPerSecond,
    counts: Object.freeze({ ...loader.counts }),
    cachedFrames: loader.cachedFrames,
    cachedBytes: loader.cachedBytes,
    viewports: Object.freeze(layout.viewports.map((viewport) => {
      const { series, index, frame, shown, view } = viewport;
      const { center, width } = viewport.window();
      const frames = series?.frames ?? [];
      return Object.freeze({
        seriesUid: series?.uid ?? "",
        index,
        count: frames.length,
        shown: shown ? frames.findIndex((one) => one.key === shown.frame.key) : -1,
        sopInstanceUid: frame?.sopInstanceUid ?? "",
        frame: frame?.frame ?? 0,
        full: shown?.full ?? false,
        failure: frame ? (loader.failures.get(frame.key) ?? "") : "",
        center,
        width,
        invert: viewport.choice.invert === true,
        zoom: viewport.zoom,
        turn: view.turn,
        flip: view.flip,
        order: frames.map((one) => one.key),
      });
    })),
  });
}
