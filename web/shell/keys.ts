// The keyboard: "?" shows the map, "/" goes to the search field, "g" and a letter to a place.

import { openDialog } from "./dialogs";
import { lock } from "./idle";

const PATIENCE = 1500; // ms between "g" and the letter

/** What a letter after "g" leads to, among links that name their letter. */
export function placeOf(letter: string, links: Iterable<{ key: string; path: string }>): string | null {
  for (const link of links) if (link.key === letter) return link.path;
  return null;
}

/** Whether what has the focus takes letters as text. */
export function takesText(element: Element | null): boolean {
  if (!element) return false;
  if (element.closest("textarea, select, [contenteditable='true'], [role='slider']")) return true;
  const input = element.closest("input");
  return input !== null && !["checkbox", "radio", "button", "submit"].includes(input.type);
}

/** Listen to the keyboard. */
export function watchKeys(): void {
  let going = 0; // until when a letter leads somewhere
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (takesText(document.activeElement) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") {
      event.preventDefault();
      openDialog("keyboard");
    } else if (event.key === "/") {
      const field = document.querySelector<HTMLInputElement>("input[type='search'], [data-search]");
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    } else if (going > Date.now()) {
      going = 0;
      if (event.key === "l" && document.getElementById("lock")) {
        event.preventDefault();
        void lock();
        return;
      }
      const links = [...document.querySelectorAll<HTMLAnchorElement>("a[data-go]")];
      const path = placeOf(event.key, links.map((one) => ({ key: one.dataset["go"] ?? "", path: one.pathname })));
      if (path) {
        event.preventDefault();
        location.assign(path);
      }
    } else if (event.key === "g") {
      going = Date.now() + PATIENCE;
    }
  });
}
