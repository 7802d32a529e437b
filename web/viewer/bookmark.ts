// Keeps the address of the page at what is seen.

import { write } from "./address";
import type { Layout } from "./layout";

/** False where the browser takes no more changes now: some allow a hundred in half a minute. */
export function keepInAddress(layout: Layout, linked: boolean): boolean {
  const shots = layout.viewports.map(({ series, frame, choice, view }) => ({
    series: series?.uid ?? "",
    sop: frame?.sopInstanceUid ?? "",
    frame: frame?.frame ?? 1,
    window: choice.window ?? null,
    invert: choice.invert === true,
    view,
  }));
  const at = write({ layout: layout.count, active: layout.activeIndex, linked, shots });
  const url = new URL(location.href);
  if (url.searchParams.get("at") === at) return true;
  url.searchParams.set("at", at);
  try {
    history.replaceState(null, "", url.search.replaceAll("%2C", ",").replaceAll("%7C", "|"));
    return true;
  } catch {
    return false;
  }
}
