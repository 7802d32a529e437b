// The panel at the side: one thing at a time, under its title.

import { text } from "../shell/text";
import { icon, icons } from "./icons";

export class Side {
  readonly element = document.createElement("aside");
  private shown = "";

  constructor(private readonly changed: () => void) {
    this.element.className = "viewer-side";
    this.element.hidden = true;
  }

  shows(id: string): boolean {
    return this.shown === id;
  }

  close(): void {
    if (this.shown === "") return;
    this.shown = "";
    this.element.hidden = true;
    this.changed();
  }

  toggle(id: string, title: string, content: HTMLElement): void {
    this.shown = this.shown === id ? "" : id;
    this.element.hidden = this.shown === "";
    if (this.shown === id) {
      const head = document.createElement("header");
      const close = document.createElement("button");
      close.type = "button";
      close.className = "viewer-button";
      close.setAttribute("aria-label", text("Close"));
      close.append(icon(icons.close));
      close.addEventListener("click", () => this.close());
      head.append(Object.assign(document.createElement("h2"), { textContent: title }), close);
      this.element.setAttribute("aria-label", title);
      this.element.replaceChildren(head, content);
    }
    this.changed();
  }
}
