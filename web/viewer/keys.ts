// Every command by a key, and the map of the keys.

import { text } from "../shell/text";

export interface Binding {
  /** As `nameOf` gives it: "W", "Shift+F", "ArrowUp", "Space". */
  readonly key: string;
  readonly label: string;
  run(): void;
}

/** The name of a key with what is held; letters in upper case whatever Caps Lock says. */
export function nameOf(event: KeyboardEvent): string {
  const name = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  // Of signs such as "+" Shift is how they are typed; of letters it is another command.
  const shift = event.shiftKey && (name.length > 1 || /[A-Z]/.test(name));
  return `${shift ? "Shift+" : ""}${name}`;
}

/** Where people type, keys are text. */
const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

/** Listen for keys, unless someone types or holds Control, which is the browser's. */
export function listen(target: Document, bindings: () => readonly Binding[]): void {
  target.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    if (event.target instanceof Element && event.target.closest(TYPING)) return;
    if (target.querySelector("dialog[open]")) return; // the lock, and what else lies above the page
    const inside = event.target instanceof Element && event.target.closest("button, a, summary");
    const name = nameOf(event);
    // A button that has the focus is pressed by these.
    if (inside && (name === "Space" || name === "Enter")) return;
    const found = bindings().find((binding) => binding.key === name);
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

const SHOWN: Readonly<Record<string, string>> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", PageUp: "Page ↑", PageDown: "Page ↓" };

export const shown = (key: string): string => key.split("+").map((part) => SHOWN[part] ?? part).join("+");

/** The keys as a table, for the panel that shows them. */
export function keyMap(bindings: readonly Binding[]): HTMLElement {
  const table = document.createElement("table");
  table.className = "key-map";
  const keys = new Map<string, string[]>();
  for (const { key, label } of bindings) keys.set(label, [...(keys.get(label) ?? []), key]);
  for (const [label, names] of keys) {
    const row = table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    const cell = document.createElement("td");
    cell.append(...names.map((name) => Object.assign(document.createElement("kbd"), { textContent: shown(name) })));
    row.append(head, cell);
  }
  const mouse = document.createElement("dl");
  mouse.className = "mouse-map";
  const lines: [string, string][] = [
    [text("Wheel"), text("Scroll")],
    [text("Left button"), text("The tool that is chosen")],
    [text("Middle button"), text("Move")],
    [text("Right button"), text("Zoom")],
    [text("Ctrl and wheel"), text("Zoom")],
    [text("Double click"), text("One viewport, or all")],
  ];
  for (const [name, does] of lines) {
    mouse.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: does }));
  }
  const box = document.createElement("div");
  box.append(table, mouse);
  return box;
}
