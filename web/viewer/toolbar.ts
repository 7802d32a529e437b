// The toolbar: a button for each command and tool, the presets, the rate of cine.

import { text } from "../shell/text";
import { icon, icons } from "./icons";
import type { Preset } from "./presets";

export interface Item {
  readonly id: string;
  readonly label: string;
  readonly icon: string;
  /** As people read it, such as "Shift+F". */
  readonly key: string;
  run(): void;
  /** Whether it is on; undefined of what only happens. */
  on?(): boolean;
  enabled?(): boolean;
}

/** Groups that go into the menu where there is no room, the first of them first. */
const SPARE = ["save", "turn-left", "fit", "layout", "series"];

/** One row of buttons: left and right go from one to the next (WAI-ARIA toolbar). */
export class Toolbar {
  readonly element = document.createElement("div");
  private readonly row = document.createElement("div");
  private readonly menu = document.createElement("div");
  private readonly more = document.createElement("button");
  private readonly buttons: { readonly item: Item; readonly button: HTMLButtonElement }[] = [];
  private readonly presets = document.createElement("select");
  private readonly rate = document.createElement("input");
  private listed = "";

  constructor(groups: readonly (readonly Item[])[], choose: (preset: string) => void, setRate: (rate: number) => void) {
    this.element.className = "viewer-tools";
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", text("Tools"));
    this.presets.className = "viewer-presets";
    this.presets.title = text("Window presets");
    this.presets.setAttribute("aria-label", text("Window presets"));
    this.presets.addEventListener("change", () => {
      choose(this.presets.value);
      this.presets.blur(); // keys are the viewer's again
    });
    Object.assign(this.rate, { type: "number", min: "1", max: "120", step: "1", className: "viewer-rate", title: text("Images a second") });
    this.rate.setAttribute("aria-label", text("Images a second"));
    this.rate.addEventListener("change", () => setRate(Number(this.rate.value)));
    this.row.className = "viewer-row";
    for (const group of groups) this.row.append(this.group(group));
    this.row.children[0]?.after(this.presets);
    this.menu.className = "viewer-menu";
    this.menu.hidden = true;
    Object.assign(this.more, { type: "button", className: "viewer-button viewer-more", hidden: true });
    this.more.setAttribute("aria-label", text("More"));
    this.more.setAttribute("aria-expanded", "false");
    this.more.dataset["tip"] = text("More");
    this.more.append(icon(icons.more));
    this.more.addEventListener("click", () => this.unfold(this.menu.hidden === true));
    document.addEventListener("pointerdown", (event) => {
      if (!(event.target instanceof Node && this.element.contains(event.target))) this.unfold(false);
    });
    this.element.append(this.row, this.more, this.menu);
    this.element.addEventListener("keydown", (event) => this.walk(event));
    this.buttons.forEach(({ button }, index) => (button.tabIndex = index === 0 ? 0 : -1));
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /** Open the menu, or close it. */
  unfold(open: boolean): void {
    this.menu.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
  }

  /** Bring what has no room into the menu; groups come back in their order. */
  private fit(): void {
    const groups = [...this.row.children, ...this.menu.children].sort((a, b) => this.order(a) - this.order(b));
    this.row.append(...groups);
    this.more.hidden = true;
    const full = (): boolean => this.row.scrollWidth > this.row.clientWidth;
    for (const first of SPARE) {
      if (!full()) break;
      const group = this.row.querySelector(`[data-command="${first}"]`)?.parentElement;
      if (group) this.menu.append(group);
      this.more.hidden = false;
    }
    if (this.more.hidden) this.unfold(false);
  }

  private order(group: Element): number {
    return Number((group as HTMLElement).dataset["order"] ?? 0.5); // presets follow the first group
  }

  private group(items: readonly Item[]): HTMLElement {
    const group = document.createElement("div");
    group.className = "viewer-group";
    group.dataset["order"] = String(this.row.children.length);
    for (const item of items) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "viewer-button";
      button.dataset["command"] = item.id;
      button.setAttribute("aria-label", item.label);
      button.dataset["tip"] = item.key ? `${item.label}  ${item.key}` : item.label;
      button.append(icon(item.icon));
      button.addEventListener("click", () => item.run());
      this.buttons.push({ item, button });
      group.append(button);
      if (item.id === "cine") group.append(this.rate);
    }
    return group;
  }

  private walk(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const index = this.buttons.findIndex(({ button }) => button === event.target);
    if (!step || index < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const able = this.buttons.filter(({ button }) => !button.disabled);
    const at = able.findIndex(({ button }) => button === event.target);
    const next = able[(at + step + able.length) % able.length]!.button;
    this.buttons.forEach(({ button }) => (button.tabIndex = button === next ? 0 : -1));
    next.focus();
  }

  refresh(presets: readonly Preset[], chosen: string, rate: number): void {
    for (const { item, button } of this.buttons) {
      if (item.on) button.setAttribute("aria-pressed", String(item.on()));
      if (item.enabled) button.disabled = !item.enabled();
    }
    const listed = JSON.stringify(presets.map((preset) => [preset.id, preset.label]));
    if (listed !== this.listed) {
      this.listed = listed;
      const options = [...presets, { id: "", label: text("Own window") }].map(({ id, label }) => new Option(label, id));
      this.presets.replaceChildren(...options);
    }
    this.presets.value = chosen;
    if (document.activeElement !== this.rate) this.rate.value = String(Math.round(rate * 10) / 10);
  }
}
