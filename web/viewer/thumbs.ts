// The series of the study, each with a picture.

import { text } from "../shell/text";
import type { Client } from "./client";
import { visible } from "./names";
import { hasPixels, type Listed } from "./series";

const SIDE = 96; // CSS pixels
const SIGHT = 6;

export class Thumbs {
  readonly element = document.createElement("nav");
  /** Whether the pictures that are in sight are drawn. */
  drawn = false;

  constructor(
    private readonly client: Client,
    private readonly studyUid: string,
    private readonly open: (uid: string) => void,
  ) {
    this.element.className = "thumbs";
    this.element.setAttribute("aria-label", text("Series"));
  }

  /** Show them; it ends when the pictures that are in sight have come, or will not. */
  async show(series: readonly Listed[]): Promise<void> {
    this.element.replaceChildren(...series.map((one, at) => this.button(one, at)));
    const pictures = [...this.element.querySelectorAll("img")].slice(0, SIGHT);
    await Promise.all(pictures.map((image) => image.decode().catch(() => undefined)));
    this.drawn = true;
  }

  private button(one: Listed, at: number): HTMLElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "thumb";
    button.dataset["series"] = one.uid;
    const picture = document.createElement("span");
    picture.className = "thumb-picture";
    if (hasPixels(one)) {
      const image = new Image(SIDE, SIDE);
      image.alt = "";
      image.loading = at < SIGHT ? "eager" : "lazy";
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
