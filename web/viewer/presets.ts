// Windows to choose from: those of the file first, then those that every reader of CT knows.

import type { Window } from "./curves";
import type { Look } from "./described";
import { text } from "../shell/text";
import { visible } from "./names";
import type { Choice } from "./shades";

export interface Preset {
  readonly id: string;
  readonly label: string;
  readonly choice: Choice;
}

/** In Hounsfield units. The keys 1 to 5 choose them in this order. */
export const CT: readonly (Window & { readonly name: string })[] = [
  { name: text("Brain"), center: 40, width: 80 },
  { name: text("Subdural"), center: 75, width: 200 },
  { name: text("Bone"), center: 480, width: 2500 },
  { name: text("Lung"), center: -600, width: 1500 },
  { name: text("Soft tissue"), center: 50, width: 400 },
];

/** The key 0 ... of what the data say. */
export const OWN = "own";

export function presets(look: Look | null): Preset[] {
  const found: Preset[] = [{ id: OWN, label: text("As the file says"), choice: {} }];
  look?.tables.forEach((table, index) => found.push({ id: `table${index}`, label: visible(table.name) || text("Table of the file"), choice: { table } }));
  if (look && look.windows.length > 1) {
    look.windows.forEach((window, index) => found.push({ id: `file${index}`, label: `${visible(window.name ?? "") || text("Window of the file")} ${window.width}/${window.center}`, choice: { window } }));
  }
  if (look?.unit === "HU") {
    CT.forEach((window, index) => found.push({ id: `ct${index}`, label: `${window.name} ${window.width}/${window.center}`, choice: { window } }));
  }
  return found;
}

/** Which preset a choice is; "" of one of one's own. */
export function presetOf(found: readonly Preset[], choice: Choice): string {
  const same = (a: Choice, b: Choice): boolean =>
    a.table === b.table && a.window?.center === b.window?.center && a.window?.width === b.window?.width;
  return found.find((preset) => same(preset.choice, choice))?.id ?? "";
}
