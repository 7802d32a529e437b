// <iryo-viewer>: the element that the page holds.

import type { Plugin } from "./plug";
import { Shades, whole } from "./painter";
import type { ViewerState } from "./state";
import { plugin } from "./tools";
import { Viewer } from "./viewer";

const PLUGINS: readonly Plugin[] = [plugin()];

class ViewerElement extends HTMLElement {
  private viewer: Viewer | undefined;

  connectedCallback(): void {
    if (this.viewer) return;
    const { datastore = "", study = "", series = "", imageSet = "", worker = "", wasm = "", dictionary = "", home = "/" } = this.dataset;
    this.viewer = new Viewer(this, { datastore, study, series, imageSet, worker, wasm, dictionary, home }, PLUGINS);
    void this.viewer.start();
  }

  /** What the viewer is doing; a copy. */
  get state(): ViewerState | undefined {
    return this.viewer?.state;
  }

  /**
   * The frame of a viewport as it is stored, pixel by pixel, through the window in effect: RGBA, row
   * by row; null while it is not there.
   */
  pixels(viewport = 0): { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray } | null {
    const found = this.viewer?.layout.viewports[viewport];
    return found?.shown ? whole(found.shown, found.effective(), new Shades()) : null;
  }
}

customElements.define("iryo-viewer", ViewerElement);
