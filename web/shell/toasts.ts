// Short messages at the edge of the page, which go by themselves; a screen reader hears them.

import { text } from "./text";

const SHOWN = 6000; // ms
const BAD_SHOWN = 15000;

export type Kind = "note" | "good" | "warn" | "bad";

/** Say something without standing in the way. */
export function toast(title: string, detail = "", kind: Kind = "note"): void {
  const place = document.getElementById("toasts");
  if (!place) return;
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const body = document.createElement("div");
  body.className = "grow";
  const strong = document.createElement("strong");
  strong.textContent = title;
  body.append(strong);
  if (detail) {
    const more = document.createElement("p");
    more.textContent = detail;
    body.append(more);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet small";
  close.setAttribute("aria-label", text("Close"));
  close.textContent = "×";
  close.addEventListener("click", () => box.remove());
  box.append(body, close);
  place.append(box);
  setTimeout(() => box.remove(), kind === "bad" ? BAD_SHOWN : SHOWN);
}
