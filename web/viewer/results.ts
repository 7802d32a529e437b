// The panel at the side: what was measured, what reports say, which segments are shown.

import { text } from "../shell/text";
import { type Annotation, type Book, lastMeasured, unsaved } from "./annotations";
import { visible } from "./names";
import type { SegmentLayer, Switches } from "./segments";
import type { Stage } from "./seam";
import type { Graphic, Group, Reading } from "./sr";
import type { Extras } from "./study";
import { lines } from "./wording";

export interface Wishes {
  readonly book: Book;
  readonly switches: Switches;
  readonly layers: () => readonly SegmentLayer[];
  readonly stage: () => Stage;
  readonly extras: () => Extras;
  /** Groups of reports that are not shown. */
  readonly hidden: Set<Group>;
  readonly redraw: () => void;
  readonly save: () => void;
}

/** Groups of one report that are listed. */
const MOST = 200;

function make<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string, ...children: (Node | string)[]): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function button(label: string, run: () => void, className = "results-button"): HTMLButtonElement {
  const made = make("button", className, label);
  made.type = "button";
  made.addEventListener("click", run);
  return made;
}

export class Results {
  readonly element = make("div", "results");
  private readonly measured = make("section", "results-part");
  private readonly reported = make("section", "results-part");
  private readonly segmented = make("section", "results-part");

  constructor(private readonly by: Wishes) {
    this.element.append(this.measured, this.reported, this.segmented);
    by.book.subscribe(() => this.soon());
    this.show();
  }

  private due = 0;

  /** Once for all changes of a moment, and after the viewports have measured. */
  private soon(): void {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      this.showMeasured();
    });
  }

  show(): void {
    this.showMeasured();
    this.showReports();
    this.showSegments();
  }

  // ------------------------------------------------------------------------------ measurements

  private showMeasured(): void {
    const { book } = this.by;
    const { items, selected, past, future } = book.state;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["keep"] : undefined;
    const waiting = unsaved(book.state).length;
    const undo = button(text("Undo"), () => book.do({ kind: "undo" }));
    const redo = button(text("Redo"), () => book.do({ kind: "redo" }));
    const save = button(text("Save"), this.by.save, "results-button is-main");
    [undo.disabled, redo.disabled, save.disabled] = [past.length === 0, future.length === 0, waiting === 0];
    [undo, redo, save].forEach((one, at) => (one.dataset["keep"] = `bar ${at}`));
    const list = make("ul", "results-list");
    list.append(...items.map((one) => this.item(one, one.id === selected)));
    const none = make("p", "results-note", text("Nothing has been measured."));
    const note = make("p", "results-note", text("{n} not saved", { n: waiting }));
    const title = make("h3", "", text("Measurements"));
    this.measured.replaceChildren(title, items.length > 0 ? list : none, ...(waiting > 0 ? [note] : []), make("div", "results-bar", undo, redo, save));
    if (focused) this.measured.querySelector<HTMLElement>(`[data-keep="${focused}"]`)?.focus({ preventScroll: true });
  }

  private item(one: Annotation, chosen: boolean): HTMLElement {
    const { book } = this.by;
    const found = lastMeasured(one);
    const go = button("", () => {
      book.do({ kind: "select", id: one.id });
      this.by.stage().show(one.sopInstanceUid, one.frame);
    }, "results-go");
    go.dataset["keep"] = `go ${one.id}`;
    go.append(...(chosen && found ? [] : [make("strong", "", visible(one.label))]), ...(found ? lines(found) : []).map((line) => make("span", "", line)));
    if (chosen) go.setAttribute("aria-current", "true");
    const remove = button("×", () => book.do({ kind: "remove", id: one.id }), "results-remove");
    remove.setAttribute("aria-label", text("Delete {name}", { name: one.label }));
    return make("li", "", chosen ? make("div", "results-chosen", this.name(one), go) : go, remove);
  }

  /** The label of what is chosen can be changed. */
  private name(one: Annotation): HTMLElement {
    const field = make("input", "results-name");
    Object.assign(field, { type: "text", value: one.label, maxLength: 64 });
    field.setAttribute("aria-label", text("Name"));
    field.dataset["keep"] = `name ${one.id}`;
    field.addEventListener("change", () => {
      // Control characters are of no use in a report, and refused there.
      const label = field.value.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim();
      if (label) this.by.book.do({ kind: "rename", id: one.id, label });
      else field.value = one.label;
    });
    return field;
  }

  // ----------------------------------------------------------------------------------- reports

  private showReports(): void {
    const { reports } = this.by.extras();
    this.reported.hidden = reports.length === 0;
    this.reported.replaceChildren(
      make("h3", "", text("Reports")),
      ...reports.map((report) => {
        const head = [report.date.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3"), report.observer].filter(Boolean).map(visible).join(" · ");
        const list = make("ul", "results-list", ...report.groups.slice(0, MOST).map((group) => this.group(group)));
        const rest = report.groups.length - MOST;
        const more = rest > 0 ? [make("p", "results-note", text("{n} more in the report", { n: rest }))] : [];
        return make("details", "results-report", make("summary", "", visible(report.title), make("span", "results-note", head)), list, ...more);
      }),
    );
    for (const details of this.reported.querySelectorAll("details")) details.open = true;
  }

  private group(group: Group): HTMLElement {
    const { hidden } = this.by;
    const check = make("input", "");
    check.type = "checkbox";
    check.checked = !hidden.has(group);
    check.setAttribute("aria-label", text("Show {name}", { name: group.label || group.finding }));
    check.disabled = group.graphics.length === 0;
    check.addEventListener("change", () => {
      if (check.checked) hidden.delete(group);
      else hidden.add(group);
      this.by.redraw();
    });
    const image = group.graphics.find((graphic: Graphic) => graphic.sopInstanceUid !== "");
    const go = button("", () => image && this.by.stage().show(image.sopInstanceUid, image.frames[0] ?? 1), "results-go");
    go.disabled = !image;
    const name = visible(group.label || group.finding || text("Measurement"));
    go.append(make("strong", "", name), ...group.readings.map((one) => make("span", "", reading(one))));
    return make("li", "", check, go);
  }

  // ---------------------------------------------------------------------------------- segments

  private showSegments(): void {
    const { segmentations } = this.by.extras();
    const { switches } = this.by;
    this.segmented.hidden = segmentations.length === 0;
    const changed = (): void => this.by.layers().forEach((layer) => layer.changed());
    const strength = make("input", "results-opacity");
    Object.assign(strength, { type: "range", min: "0", max: "100", value: String(Math.round(switches.opacity * 100)) });
    strength.addEventListener("input", () => {
      switches.opacity = Number(strength.value) / 100;
      this.by.layers().forEach((layer) => layer.draw());
    });
    const lists = segmentations.map((of) => {
      const items = of.segments.map((segment) => {
        const check = make("input", "");
        check.type = "checkbox";
        check.checked = switches.isOn(of, segment.number);
        check.addEventListener("change", () => {
          switches.set(of, segment.number, check.checked);
          changed();
        });
        const patch = make("span", "results-patch");
        patch.style.backgroundColor = `rgb(${segment.colour.join(" ")})`;
        const label = make("label", "", check, patch, visible(segment.label), segment.type ? make("span", "results-note", visible(segment.type)) : "");
        return make("li", "", label);
      });
      return make("div", "", make("h4", "", visible(of.label) || text("Segmentation")), make("ul", "results-list", ...items));
    });
    this.segmented.replaceChildren(make("h3", "", text("Segments")), make("label", "results-strength", text("Opacity"), strength), ...lists);
  }
}

/** A number of a report: "Attenuation Coefficient, Mean: -12.3 HU". */
function reading({ name, derivation, value, unit }: Reading): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
  const named = [name, derivation].filter(Boolean).map(visible).join(", ");
  return `${named}: ${value.toFixed(digits)}${unit && unit !== "°" ? " " : ""}${visible(unit)}`;
}
