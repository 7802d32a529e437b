// One, two or four viewports, and which of them is active.

import { handle, type Hands } from "./gestures";
import { type Owner, Viewport } from "./viewport";

export const LAYOUTS = [1, 2, 4] as const;
export type Count = (typeof LAYOUTS)[number];

export class Layout {
  readonly element = document.createElement("div");
  /** All that were made; the first `count` of them are seen. */
  private readonly made: Viewport[] = [];
  private chosen = 0;
  private number: Count = 1;

  /** @param changed called after a change of number or of the active one */
  constructor(
    private readonly owner: Owner,
    private readonly hands: () => Hands,
    private readonly added: (viewport: Viewport) => void,
    private readonly changed: () => void,
  ) {
    this.element.className = "viewports";
    this.arrange(1);
  }

  get count(): Count {
    return this.number;
  }

  get viewports(): readonly Viewport[] {
    return this.made.slice(0, this.number);
  }

  get active(): Viewport {
    return this.made[this.chosen]!;
  }

  get activeIndex(): number {
    return this.chosen;
  }

  of(element: HTMLElement): Viewport {
    return this.made.find((viewport) => viewport.element === element) ?? this.active;
  }

  arrange(count: Count): void {
    this.number = count;
    while (this.made.length < count) {
      const viewport = new Viewport(this.owner);
      handle(viewport, this.hands());
      this.made.push(viewport);
      this.added(viewport);
    }
    this.element.dataset["count"] = String(count);
    this.element.replaceChildren(...this.viewports.map((viewport) => viewport.element));
    this.activate(Math.min(this.chosen, count - 1));
  }

  activate(index: number): void {
    this.chosen = index;
    this.made.forEach((viewport, at) => viewport.element.classList.toggle("is-active", at === index && this.number > 1));
    this.changed();
  }
}
