// The list of studies: the arrow keys lead from the search field through the rows, Enter opens one;
// the days of a range are asked for only where a range is chosen; thumbnails that do not come say so.

import { takesText } from "../shell/keys";

/** Which row the focus goes to; -1: the search field. */
export function rowAfter(key: string, at: number, count: number): number | null {
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, count - 1);
    case "ArrowUp":
      return at < 0 ? null : at - 1;
    case "Home":
      return at < 0 ? null : 0;
    case "End":
      return at < 0 ? null : count - 1;
    default:
      return null;
  }
}

function watchRows(field: HTMLInputElement): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const active = document.activeElement;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (takesText(active) && active !== field) return;
    if (active instanceof HTMLInputElement && active !== field) return; // radio buttons have arrows of their own
    const rows = [...document.querySelectorAll<HTMLAnchorElement>("#found a.lead")];
    if (!rows.length) return;
    const at = active instanceof HTMLAnchorElement ? rows.indexOf(active) : -1;
    const next = rowAfter(event.key, at, rows.length);
    if (next === null) return;
    event.preventDefault();
    if (next < 0) field.focus();
    else rows[next]?.focus();
  });
}

function watchRange(form: HTMLFormElement): void {
  const range = form.querySelector<HTMLElement>("[data-range]");
  const show = (): void => {
    if (range) range.hidden = new FormData(form).get("when") !== "range";
  };
  form.addEventListener("change", show);
  show();
}

/** Shows of a table what has all words that are typed. */
function watchFilter(input: HTMLInputElement): void {
  const rows = [...document.querySelectorAll<HTMLTableRowElement>(`#${input.dataset["filter"]} tbody tr`)];
  const texts = rows.map((row) => row.textContent?.toLowerCase() ?? "");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at]?.includes(word));
    });
  });
}

/** In the place of a picture that does not come stands what it would be of. */
function missing(image: HTMLImageElement): void {
  image.hidden = true;
  const kind = image.nextElementSibling;
  if (kind instanceof HTMLElement) kind.hidden = false;
}

for (const image of document.querySelectorAll<HTMLImageElement>("img[data-thumb]")) {
  if (image.complete && !image.naturalWidth) missing(image);
  image.addEventListener("error", () => missing(image));
}
for (const input of document.querySelectorAll<HTMLInputElement>("input[data-filter]")) watchFilter(input);

const form = document.querySelector<HTMLFormElement>("form[data-find]");
const field = document.querySelector<HTMLInputElement>("#q");
if (form && field) {
  watchRange(form);
  watchRows(field);
  // A keystroke that is on its way is seen: the list that it will replace is dimmed.
  for (const [name, busy] of [["htmx:beforeRequest", true], ["htmx:afterRequest", false]] as const) {
    form.addEventListener(name, () => document.getElementById("found")?.setAttribute("aria-busy", String(busy)));
  }
  field.addEventListener("input", () => performance.mark("iryo-typed"));
  document.addEventListener("htmx:afterSwap", () => performance.mark("iryo-found"));
}
performance.mark("iryo-interactive");
