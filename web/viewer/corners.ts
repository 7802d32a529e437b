// Text over the image: whose it is, what it is, where it is and how it is seen.

import { number, numbers, text as textOf } from "./dataset";
import { text } from "../shell/text";
import { date, personName, time, visible } from "./names";
import { edgesOf } from "./orientation";
import type { Viewport } from "./viewport";

const PLACES = ["top-left", "top-right", "bottom-left", "bottom-right", "left", "right", "top", "bottom"] as const;
type Place = (typeof PLACES)[number];

/** Lengths of the scale bar, millimetres. */
const LENGTHS = [1, 2, 5, 10, 20, 50, 100, 200];

/** At most four figures, no noughts at the end. */
export const brief = (value: number): string => String(Number(value.toPrecision(4)));

export class Corners {
  readonly element = document.createElement("div");
  private readonly places = {} as Record<Place, HTMLElement>;
  private readonly bar = document.createElement("div");
  private before = "";

  constructor() {
    this.element.className = "corners";
    for (const place of PLACES) {
      const one = document.createElement("div");
      one.className = `corner corner-${place}`;
      this.places[place] = one;
      this.element.append(one);
    }
    this.bar.className = "scale-bar";
    this.element.append(this.bar);
  }

  show(viewport: Viewport, on: boolean): void {
    const { shown } = viewport;
    this.element.hidden = !on || !shown;
    if (!on || !shown) return;
    const lines = this.lines(viewport);
    const key = JSON.stringify(lines);
    if (key !== this.before) {
      this.before = key;
      for (const place of PLACES) {
        const found = lines[place].filter((line) => line !== "");
        // Each line is isolated: the direction of one says nothing of the next.
        this.places[place].replaceChildren(...found.map((line) => Object.assign(document.createElement("bdi"), { textContent: line })));
      }
    }
    this.scale(viewport);
  }

  private lines(viewport: Viewport): Record<Place, string[]> {
    const [shown, series] = [viewport.shown!, viewport.series!];
    const { frame, look } = shown;
    const of = frame.instance;
    const place = series.frames.indexOf(frame);
    const at = place < 0 ? series.frames.findIndex((one) => one.key === frame.key) : place;
    const window = viewport.window();
    const effective = viewport.effective();
    const colour = shown.levels[0]!.samples === 3 || look.palette !== null;
    const edges = frame.plane ? edgesOf(frame.plane, viewport.matrix()) : { left: "", right: "", top: "", bottom: "" };
    const ages = [textOf(of, "00100040"), textOf(of, "00101010"), date(textOf(of, "00100030"))].filter((one) => one !== "").map(visible);
    const thick = number(of, "00180050");
    return {
      "top-left": [...personName(of, "00100010"), visible(textOf(of, "00100020")), ages.join("  ")],
      "top-right": [
        visible(textOf(of, "00080080")),
        visible(textOf(of, "00081030")),
        `${date(textOf(of, "00080020"))} ${time(textOf(of, "00080030"))}`.trim(),
        [textOf(of, "00080060"), visible(textOf(of, "0008103E"))].filter(Boolean).join("  "),
      ],
      "bottom-left": [
        `${text("Image")} ${at + 1} / ${series.frames.length}`,
        frame.position === null ? "" : `${text("Position")} ${frame.position.toFixed(1)} mm`,
        thick === undefined ? "" : `${text("Thickness")} ${brief(thick)} mm`,
        Number(of["00280008"]?.Value?.[0] ?? 1) > 1 ? `${text("Frame")} ${frame.frame}` : "",
      ],
      "bottom-right": [
        shown.full ? "" : text("Preview"),
        colour ? "" : effective.table ? effective.table.name || text("Table of the file") : `${text("W")} ${brief(window.width)}  ${text("L")} ${brief(window.center)}`,
        `${Math.round(viewport.zoom * devicePixelRatio * 100)} %`,
        effective.invert ? text("Inverted") : "",
      ],
      left: [edges.left],
      right: [edges.right],
      top: [edges.top],
      bottom: [edges.bottom],
    };
  }

  /** A bar of a round length, a quarter of the viewport at most. */
  private scale(viewport: Viewport): void {
    const spacing = viewport.shown!.frame.plane?.spacing[0] ?? numbers(viewport.shown!.frame.instance, "00280030")[1];
    const perMm = spacing ? viewport.zoom / spacing : 0;
    const length = perMm > 0 ? LENGTHS.filter((one) => one * perMm <= viewport.box.height / 4).at(-1) : undefined;
    this.bar.hidden = length === undefined;
    if (length === undefined) return;
    this.bar.style.height = `${length * perMm}px`;
    this.bar.dataset["length"] = length >= 10 ? `${length / 10} cm` : `${length} mm`;
  }
}
