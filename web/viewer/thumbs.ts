// The series of the study, each with a picture.

import { text } from "../shell/text";
import type { Client } from "./client";
import { visible } from "./names";
import { hasPixels, type Listed } from "./series";

const SIDE = 96; // CSS pixels

export class Thumbs {
  readonly element = document.createElement("nav");

  constructor(
    private readonly client: Client,
    private readonly studyUid: string,
    private readonly open: (uid: string) => void,
  ) {
    this.element.className = "thumbs";
    this.element.setAttribute("aria-label", text("Series"));
  }

  show(series: readonly Listed[]): void {
    this.element.replaceChildren(...series.map((one) => this.button(one)));
  }

  private button(one: Listed): HTMLElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "thumb";
    button.dataset["series"] = one.uid;
    const picture = document.createElement("span");
    picture.className = "thumb-picture";
    if (hasPixels(one)) {
      const image = new Image(SIDE, SIDE);
      image.alt = "";
      image.loading = "lazy";
      image.decoding = "async";
      image.src = this.client.thumbnail(this.studyUid, one.uid, SIDE * 2);
      image.addEventListener("error", () => image.remove());
      picture.append(image);
    }
    const kind = document.createElement("span");
    kind.className = "thumb-kind";
    kind.textContent = `${one.modality}  ${one.instances}`;
    const label = document.createElement("bdi");
    label.className = "thumb-label";
    label.textContent = visible(one.description) || text("Series {number}", { number: one.number ?? "" });
    button.append(picture, kind, label);
    button.addEventListener("click", () => this.open(one.uid));
    return button;
  }

  /** Mark what is open, and what is in the active viewport. */
  mark(active: string, open: ReadonlySet<string>): void {
    for (const button of this.element.querySelectorAll<HTMLElement>(".thumb")) {
      const uid = button.dataset["series"]!;
      button.classList.toggle("is-open", open.has(uid));
      if (uid === active) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
