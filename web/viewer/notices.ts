// What the page says above the images: a server that is away, a series that was deleted.

import { text } from "../shell/text";

type Kind = "info" | "error";

export class Notices {
  readonly element = document.createElement("div");
  private readonly shown = new Map<string, HTMLElement>();

  constructor() {
    this.element.className = "notices";
    this.element.setAttribute("role", "status");
  }

  /** Say something under a name; what was said under it before goes. Without text it only goes. */
  say(id: string, said: string | null, kind: Kind = "info", action?: { label: string; run(): void }): void {
    const before = this.shown.get(id);
    if (said === null) {
      before?.remove();
      this.shown.delete(id);
      return;
    }
    const notice = document.createElement("div");
    notice.className = `notice notice-${kind}`;
    notice.dataset["notice"] = id;
    notice.append(Object.assign(document.createElement("span"), { textContent: said }));
    if (action) notice.append(this.button(action.label, action.run));
    else notice.append(this.button(text("Close"), () => this.say(id, null)));
    if (before) before.replaceWith(notice);
    else this.element.append(notice);
    this.shown.set(id, notice);
  }

  private button(label: string, run: () => void): HTMLButtonElement {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", run);
    return button;
  }
}
