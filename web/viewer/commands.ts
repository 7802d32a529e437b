// All that the page can do by a button or a key, in one table.

import { text } from "../shell/text";
import { icons } from "./icons";
import type { Binding } from "./keys";
import type { Layout } from "./layout";
import { LAYOUTS } from "./layout";
import { CT } from "./presets";
import type { PointerTool, Plugin, PageSeam } from "./plug";
import type { Item } from "./toolbar";
import { flipped, PLAIN, turnedBy } from "./transform";
import type { Viewport } from "./viewport";

/** What commands do that is not a viewport's own business. */
export interface Deeds {
  readonly layout: Layout;
  readonly tools: readonly PointerTool[];
  readonly plugins: readonly Plugin[];
  readonly page: PageSeam;
  tool(): PointerTool;
  choose(tool: PointerTool): void;
  preset(index: number): void;
  arrange(): void;
  link: { on: boolean; toggle(): void };
  linkWindow: { on: boolean; toggle(): void };
  cine: { on(): boolean; able(): boolean; toggle(): void };
  overlay: { on(): boolean; toggle(): void };
  smooth: { on(): boolean; toggle(): void };
  series: { on(): boolean; toggle(): void };
  figures: { on(): boolean; toggle(): void };
  header: { on(): boolean; toggle(): void };
  help: { on(): boolean; toggle(): void };
  /** The menu and the panel at the side. */
  close(): void;
  full(): void;
  save(): void;
  print(): void;
}

/** Groups of the toolbar, from left to right. */
export function groups(deeds: Deeds): Item[][] {
  const active = (): Viewport => deeds.layout.active;
  const view = (change: (of: Viewport) => void) => () => change(active());
  const tool = (one: PointerTool): Item => ({
    id: one.id, label: one.label, icon: one.icon, key: one.key,
    run: () => deeds.choose(one),
    on: () => deeds.tool() === one,
  });
  const plugged = deeds.plugins.flatMap((plugin) => plugin.commands).map((command): Item => ({
    id: command.id, label: command.label, icon: command.icon, key: command.key,
    run: () => command.run(deeds.page),
    ...(command.active ? { on: () => command.active!(deeds.page) } : {}),
  }));
  const switched = (id: string, label: string, icon: string, key: string, of: { on: (() => boolean) | boolean; toggle(): void }): Item => ({
    id, label, icon, key, run: () => of.toggle(), on: () => (typeof of.on === "function" ? of.on() : of.on),
  });
  const once = (id: string, label: string, icon: string, key: string, run: () => void): Item => ({ id, label, icon, key, run });
  return [
    deeds.tools.map(tool),
    [
      once("turn-left", text("Turn left"), icons.turnLeft, "Shift+R", view((of) => of.change({ view: turnedBy(of.view, -90) }))),
      once("turn-right", text("Turn right"), icons.turnRight, "R", view((of) => of.change({ view: turnedBy(of.view, 90) }))),
      once("flip-across", text("Mirror left and right"), icons.flipAcross, "H", view((of) => of.change({ view: flipped(of.view, "across") }))),
      once("flip-along", text("Mirror top and bottom"), icons.flipAlong, "V", view((of) => of.change({ view: flipped(of.view, "along") }))),
      switched("invert", text("Invert"), icons.invert, "I", { on: () => active().choice.invert === true, toggle: view((of) => of.change({ choice: { ...of.choice, invert: !of.choice.invert } })) }),
      switched("smooth", text("Smooth pixels"), icons.smooth, "Shift+S", deeds.smooth),
    ],
    [
      once("fit", text("Fit"), icons.fit, "0", view((of) => of.change({ view: { ...of.view, zoom: null, pan: [0, 0] } }))),
      once("actual", text("One pixel each"), icons.actual, "9", view((of) => of.change({ view: { ...of.view, zoom: 1 / devicePixelRatio, pan: [0, 0] } }))),
      once("reset", text("As at first"), icons.reset, "Backspace", view((of) => of.change({ view: PLAIN, choice: {} }))),
    ],
    [{ ...switched("cine", text("Play"), icons.play, "Space", deeds.cine), enabled: () => deeds.cine.able() }],
    [
      once("layout", text("One, two or four viewports"), icons.layout, "G", () => deeds.arrange()),
      switched("link", text("Scroll together"), icons.link, "C", deeds.link),
      switched("link-window", text("Window together"), icons.linkWindow, "Shift+C", deeds.linkWindow),
    ],
    ...(plugged.length > 0 ? [plugged] : []),
    [
      switched("series", text("Series"), icons.series, "F", deeds.series),
      switched("overlay", text("Texts over the image"), icons.overlay, "O", deeds.overlay),
      switched("header", text("Header"), icons.header, "T", deeds.header),
      switched("figures", text("Figures"), icons.statistics, "X", deeds.figures),
      switched("help", text("Keys"), icons.help, "K", deeds.help),
    ],
    [
      once("save", text("Save as PNG"), icons.save, "D", () => deeds.save()),
      once("print", text("Print"), icons.print, "Shift+P", () => deeds.print()),
      once("full", text("Full screen"), icons.full, "Shift+F", () => deeds.full()),
    ],
  ];
}

/** All keys: those of the toolbar, and those that have no button. */
export function bindings(deeds: Deeds, items: readonly Item[]): Binding[] {
  const active = (): Viewport => deeds.layout.active;
  const scroll = (step: number) => () => active().scrollBy(step);
  const last = (): number => (active().series?.frames.length ?? 1) - 1;
  const [back, on] = [text("Image before"), text("Next image")];
  const [next, layouts] = [text("Next viewport"), LAYOUTS];
  return [
    { key: "ArrowUp", label: back, run: scroll(-1) },
    { key: "ArrowLeft", label: back, run: scroll(-1) },
    { key: "ArrowDown", label: on, run: scroll(1) },
    { key: "ArrowRight", label: on, run: scroll(1) },
    { key: "PageUp", label: text("Ten images back"), run: scroll(-10) },
    { key: "PageDown", label: text("Ten images on"), run: scroll(10) },
    { key: "Home", label: text("First image"), run: () => active().scrollTo(0) },
    { key: "End", label: text("Last image"), run: () => active().scrollTo(last()) },
    ...CT.map(({ name }, index) => ({ key: String(index + 1), label: name, run: () => deeds.preset(index + 1) })),
    { key: "6", label: text("As the file says"), run: () => deeds.preset(0) },
    { key: "+", label: text("Larger"), run: () => enlarge(active(), 1.25) },
    { key: "-", label: text("Smaller"), run: () => enlarge(active(), 0.8) },
    { key: "Escape", label: text("Close what is open"), run: () => deeds.close() },
    { key: "Enter", label: next, run: () => deeds.layout.activate((deeds.layout.activeIndex + 1) % Math.max(deeds.layout.count, layouts[0])) },
    ...items.filter((item) => item.key !== "").map((item) => ({ key: item.key, label: item.label, run: () => enabled(item) && item.run() })),
  ];
}

const enabled = (item: Item): boolean => item.enabled?.() ?? true;

const enlarge = (viewport: Viewport, by: number): void => viewport.change({ view: { ...viewport.view, zoom: Math.min(Math.max(viewport.zoom * by, 0.01), 128) } });
