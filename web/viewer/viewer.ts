// The viewer's page: puts its parts together.

import { showLock } from "../shell/idle";
import { text } from "../shell/text";
import { read } from "./address";
import { keepInAddress } from "./bookmark";
import { Cine } from "./cine";
import { Client, Gone, NotAllowed } from "./client";
import { bindings, groups } from "./commands";
import { Figures } from "./figures";
import type { Frame } from "./frames";
import { basicTools } from "./gestures";
import { type Dictionary, HeaderPanel } from "./header";
import { keyMap, listen } from "./keys";
import { type Count, Layout, LAYOUTS } from "./layout";
import { follow, share } from "./linking";
import { Loader } from "./loader";
import { Marks } from "./marks";
import { Notices } from "./notices";
import { Shades } from "./painter";
import { Side } from "./side";
import { pageOf } from "./page";
import type { PageSeam, Plugin, PointerTool } from "./plug";
import { Pool } from "./pool";
import { CT, presetOf, presets } from "./presets";
import { around } from "./queue";
import { printAll, savePng } from "./save";
import { hasPixels, Library, type Listed, type Series } from "./series";
import { stateOf, type ViewerState } from "./state";
import { Thumbs } from "./thumbs";
import { Toolbar } from "./toolbar";
import type { Viewport } from "./viewport";

/** What the server tells the page, as data attributes of <iryo-viewer>. */
export interface Setup {
  readonly datastore: string;
  readonly study: string;
  /** Empty: the first that has images. */
  readonly series: string;
  /** Of one that is not primary, else empty. */
  readonly imageSet: string;
  readonly worker: string;
  readonly wasm: string;
  readonly dictionary: string;
  /** Where one came from: the study's page. */
  readonly home: string;
}

/** Bytes of decoded frames that are kept: an eighth of the memory that the browser tells of. */
function memory(): number {
  const gigabytes = (navigator as { deviceMemory?: number }).deviceMemory ?? 4;
  return Math.min(Math.max(gigabytes / 8, 0.25), 1) * 2 ** 30;
}

/** Seconds between two looks whether what is open is still there; only while somebody works with it. */
const WATCH = 15;
/** Images that are fetched at once, the shown one and those around it. */
const NEAR = 9;

export class Viewer {
  readonly marks = new Marks();
  readonly notices = new Notices();
  readonly layout: Layout;
  readonly loader: Loader;
  readonly cine = new Cine(() => this.refresh());
  readonly client: Client;
  online = true;
  readonly kept = new Shades();
  private readonly library: Library;
  readonly thumbs: Thumbs;
  private readonly toolbar: Toolbar;
  private readonly figures = new Figures();
  private readonly header: HeaderPanel;
  readonly side: Side;
  private readonly basics: PointerTool[];
  /** Called after each change of layout, series or active viewport. */
  readonly told = new Set<() => void>();
  /** Called for each frame that has come, or will not. */
  readonly came = new Set<(frame: Frame) => void>();
  readonly page: PageSeam = pageOf(this);
  private readonly link = { on: false, toggle: () => this.setLink("link") };
  private readonly linkWindow = { on: false, toggle: () => this.setLink("linkWindow") };
  private chosen: PointerTool;
  private following = false;
  private opened = false;
  private refreshing = 0;
  private listed: Listed[] = [];
  private listing: Promise<Listed[]> = Promise.resolve([]);
  private unfolded = false;
  /** Whether slices that are far from what is shown are fetched too: after the pictures of the series. */
  private far = false;
  private watched = Date.now();
  private readonly lastPainted = new WeakMap<Viewport, string>();

  constructor(
    readonly element: HTMLElement,
    readonly setup: Setup,
    private readonly plugins: readonly Plugin[],
  ) {
    this.marks.mark("opened");
    this.client = new Client(`/dicomweb/${encodeURIComponent(setup.datastore)}`, setup.imageSet ? { series: setup.series, imageSet: setup.imageSet } : null, (seconds) => this.away(seconds));
    this.loader = new Loader(this.client, new Pool(setup.worker, { wasm: setup.wasm }), memory(), {
      changed: (frame) => this.arrived(frame),
      gone: (uid) => this.gone(uid),
      notAllowed: () => this.notAllowed(),
    });
    this.library = new Library(this.client, setup.study);
    this.header = new HeaderPanel(async () => (await (await fetch(setup.dictionary)).json()) as Dictionary);
    this.side = new Side(() => this.refresh());
    this.basics = basicTools((found) => this.layout.of(found));
    this.chosen = this.basics[0]!;
    this.layout = new Layout(this, () => ({ tool: () => this.chosen, activate: (viewport) => this.activate(viewport) }), (viewport) => this.added(viewport), () => this.refresh());
    this.thumbs = new Thumbs(this.client, setup.study, (uid) => void this.open(this.layout.active, uid));
    const deeds = this.deeds();
    const items = groups(deeds);
    const keys = bindings(deeds, items.flat());
    this.toolbar = new Toolbar(items, (id) => this.choosePreset(id), (rate) => this.cine.setRate(rate));
    this.help.append(keyMap(keys));
    listen(document, () => keys);
    const stage = document.createElement("div");
    stage.className = "viewer-stage";
    stage.append(this.layout.element, this.notices.element, this.figures.element);
    const middle = document.createElement("div");
    middle.className = "viewer-middle";
    middle.append(this.thumbs.element, stage, this.side.element);
    this.figures.element.hidden = true;
    const top = document.createElement("div");
    top.className = "viewer-top";
    const home = Object.assign(document.createElement("a"), { className: "viewer-home", href: setup.home, textContent: "iryo" });
    top.append(home, this.toolbar.element);
    element.append(top, middle);
    window.addEventListener("focus", () => void this.watch());
    // By itself the page asks for nothing: the server could not tell that nobody is there.
    for (const kind of ["pointerdown", "keydown", "wheel"]) {
      element.ownerDocument.addEventListener(kind, () => Date.now() - this.watched > WATCH * 1000 && void this.watch(), { passive: true });
    }
    document.getElementById("lock")?.addEventListener("close", () => this.loader.resume());
  }

  private readonly help = document.createElement("div");

  private deeds(): Parameters<typeof groups>[0] {
    const hidden = (element: HTMLElement) => ({ on: () => !element.hidden, toggle: () => ((element.hidden = !element.hidden), this.refresh()) });
    const all = (key: "overlay" | "smooth") => ({ on: () => this.layout.active[key], toggle: () => this.layout.viewports.forEach((one) => one.change({ [key]: !one[key] })) });
    const panel = (id: string, title: string, content: HTMLElement) => ({ on: () => this.side.shows(id), toggle: () => this.side.toggle(id, title, content) });
    const header = panel("header", text("Header"), this.header.element);
    return {
      layout: this.layout,
      tools: [...this.basics, ...this.plugins.flatMap((plugin) => plugin.tools)],
      plugins: this.plugins,
      page: this.page,
      tool: () => this.chosen,
      choose: (tool) => ((this.chosen = tool), this.refresh()),
      preset: (index) => this.presetByKey(index),
      arrange: () => void this.arrange(LAYOUTS[(LAYOUTS.indexOf(this.layout.count) + 1) % LAYOUTS.length]!),
      link: this.link,
      linkWindow: this.linkWindow,
      cine: { on: () => this.cine.playing, able: () => (this.layout.active.series?.frames.length ?? 0) > 1, toggle: () => this.cine.toggle(this.layout.active) },
      overlay: all("overlay"),
      smooth: all("smooth"),
      series: hidden(this.thumbs.element),
      figures: hidden(this.figures.element),
      header: { on: header.on, toggle: () => (header.toggle(), this.refresh(), header.on() && this.header.focus()) },
      help: panel("keys", text("Keys"), this.help),
      close: () => (this.toolbar.unfold(false), this.side.close()),
      full: () => void (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen()).catch(() => undefined),
      save: () => void savePng(this.layout.active),
      print: () => void printAll(this.layout.viewports),
    };
  }

  /** Open what the address says, else the series asked for, else the first with images. */
  async start(): Promise<void> {
    const place = read(new URLSearchParams(location.search).get("at"));
    const list = (this.listing = this.library.list().then((found) => {
      this.listed = found;
      this.refresh();
      return found;
    }));
    setTimeout(() => this.unfold(), 1500);
    try {
      if (place) await this.restore(place);
      else {
        const uid = this.setup.series || (await list).find(hasPixels)?.uid || (await list)[0]?.uid;
        if (uid) await this.open(this.layout.active, uid);
        else this.notices.say("empty", text("This study has no series."), "error");
      }
      await list;
    } catch (error) {
      this.failed(error);
    }
  }

  private async restore(place: NonNullable<ReturnType<typeof read>>): Promise<void> {
    this.layout.arrange(place.layout as Count);
    await Promise.all(place.shots.slice(0, place.layout).map(async (shot, number) => {
      const viewport = this.layout.viewports[number]!;
      if (!shot.series) return;
      const series = await this.library.open(shot.series);
      const index = series.frames.findIndex((frame) => frame.sopInstanceUid === shot.sop && frame.frame === shot.frame);
      this.put(viewport, series, Math.max(index, 0));
      viewport.change({ view: shot.view, choice: { ...(shot.window ? { window: shot.window } : {}), invert: shot.invert } });
    }));
    this.link.on = place.linked;
    this.layout.activate(place.active);
  }

  async open(viewport: Viewport, uid: string): Promise<void> {
    this.marks.click();
    try {
      this.put(viewport, await this.library.open(uid), 0);
    } catch (error) {
      this.failed(error);
    }
  }

  private put(viewport: Viewport, series: Series, index: number): void {
    this.marks.mark("metadata");
    if (this.cine.plays(viewport)) this.cine.stop();
    viewport.open(series, index);
    this.cine.prepare(viewport);
    if (!this.opened) {
      this.opened = true;
      for (const plugin of this.plugins) plugin.opened?.(this.page);
    }
    this.refresh();
  }

  private async arrange(count: Count): Promise<void> {
    const before = this.layout.viewports.length;
    const { active } = this.layout;
    this.layout.arrange(count);
    const open = new Set(this.layout.viewports.map((viewport) => viewport.series?.uid));
    const rest = this.listed.filter((one) => hasPixels(one) && !open.has(one.uid));
    for (const viewport of this.layout.viewports.slice(before)) {
      const next = viewport.series ? undefined : rest.shift();
      if (next) await this.open(viewport, next.uid);
      // Of a study with fewer series the same is seen again: another window, another place.
      else if (!viewport.series && active.series) this.put(viewport, active.series, active.index);
    }
    this.want();
  }

  private added(viewport: Viewport): void {
    viewport.element.addEventListener("dblclick", () => void this.arrange(this.layout.count === 1 ? 4 : 1));
    for (const plugin of this.plugins) plugin.attach?.(viewport, this.page);
  }

  private activate(viewport: Viewport): void {
    const index = this.layout.viewports.indexOf(viewport);
    if (index >= 0 && index !== this.layout.activeIndex) this.layout.activate(index);
  }

  // ------------------------------------------------------------------ what viewports tell

  scrolled(viewport: Viewport): void {
    if (this.link.on && !this.following) {
      this.following = true;
      follow(viewport, this.layout.viewports);
      this.following = false;
    }
    this.want();
    this.refresh();
  }

  painted(viewport: Viewport): void {
    const { shown } = viewport;
    this.refresh();
    if (!shown) return;
    const key = `${shown.frame.key} ${shown.full}`;
    if (this.lastPainted.get(viewport) === key) return;
    const before = this.lastPainted.get(viewport)?.split(" ")[0];
    this.lastPainted.set(viewport, key);
    this.marks.painted(shown.full);
    if (shown.full) this.unfold();
    if (before !== shown.frame.key && viewport === this.layout.active) this.marks.scrolled();
  }

  /** What can wait until the first image is there: pictures of the other series cost the server time. */
  private unfold(): void {
    if (this.unfolded) return;
    this.unfolded = true;
    void this.listing.then(async (found) => {
      const drawn = this.thumbs.show(found);
      this.refresh();
      await drawn;
    }, () => undefined).then(() => {
      this.far = true;
      this.want();
    });
  }

  show(viewport: Viewport, sopInstanceUid: string, frame: number): void {
    const fits = (one: Frame): boolean => one.sopInstanceUid === sopInstanceUid && one.frame === frame;
    const index = viewport.series?.frames.findIndex(fits) ?? -1;
    if (index >= 0) viewport.scrollTo(index);
  }

  /** Say to the loader what is on the screens and around it. */
  private want(): void {
    const orders = this.layout.viewports.flatMap(({ series, index, direction }) =>
      series && series.frames.length > 0 ? [around(series.frames.length, index, direction, this.far ? Infinity : NEAR).map((at) => series.frames[at]!)] : [],
    );
    if (orders.length > 0) this.loader.want(orders);
  }

  private arrived(frame: Frame): void {
    for (const viewport of this.layout.viewports) if (viewport.frame?.key === frame.key) viewport.arrived();
    for (const came of this.came) came(frame);
    this.refresh();
  }

  // ------------------------------------------------------------------ what goes wrong

  private away(seconds: number | null): void {
    this.online = seconds === null;
    const said = seconds === null ? null : text("The server does not answer. Trying again in {seconds} s; what was loaded stays.", { seconds: Math.max(Math.round(seconds), 1) });
    this.notices.say("away", said, "error", { label: text("Try now"), run: () => this.client.retry() });
  }

  private gone(uid: string): void {
    const open = this.layout.viewports.some((viewport) => viewport.series?.uid === uid);
    if (open) this.notices.say("gone", text("This series has been deleted. What was loaded can still be seen."), "error");
    this.layout.viewports.forEach((viewport) => viewport.invalidate());
  }

  private notAllowed(): void {
    if (showLock()) return;
    const to = `/sign-in?return_to=${encodeURIComponent(location.pathname + location.search)}`;
    this.notices.say("sign-in", text("You are not signed in any more."), "error", { label: text("Sign in"), run: () => location.assign(to) });
  }

  private failed(error: unknown): void {
    if (error instanceof NotAllowed) this.notAllowed();
    else if (error instanceof Gone) this.notices.say("failed", text("This series is not here. It may have been deleted."), "error");
    else this.notices.say("failed", text("This series could not be opened: {reason}", { reason: error instanceof Error ? error.message : String(error) }), "error");
  }

  private async watch(): Promise<void> {
    this.watched = Date.now();
    if (!this.online || document.hidden) return;
    for (const uid of new Set(this.layout.viewports.flatMap((viewport) => viewport.series?.uid ?? []))) {
      if (!(await this.client.has(this.setup.study, uid).catch(() => true))) this.loader.deleted(uid);
    }
  }

  // ------------------------------------------------------------------ presets, links, the rest of the page

  private choosePreset(id: string): void {
    const viewport = this.layout.active;
    const found = presets(viewport.shown?.look ?? null).find((preset) => preset.id === id);
    if (found) this.choose(viewport, found.choice);
  }

  private presetByKey(index: number): void {
    const window = CT[index - 1];
    const viewport = this.layout.active;
    if (index === 0) this.choose(viewport, {});
    else if (window && viewport.shown?.look.unit === "HU") this.choose(viewport, { window });
  }

  private choose(viewport: Viewport, choice: Viewport["choice"]): void {
    viewport.change({ choice: { ...choice, ...(viewport.choice.invert ? { invert: true } : {}) } });
  }

  private setLink(which: "link" | "linkWindow"): void {
    this[which].on = !this[which].on;
    if (this.link.on) this.scrolled(this.layout.active);
    this.refresh();
  }

  /** Bring toolbar, panels and address up to date, once for all changes of a moment. */
  refresh(): void {
    this.refreshing ||= window.setTimeout(() => {
      this.refreshing = 0;
      const { active } = this.layout;
      if (this.linkWindow.on) share(active, this.layout.viewports);
      const found = presets(active.shown?.look ?? null);
      this.toolbar.refresh(found, presetOf(found, active.choice), this.cine.framesPerSecond);
      this.thumbs.mark(active.series?.uid ?? "", new Set(this.layout.viewports.flatMap((one) => one.series?.uid ?? [])));
      if (!this.figures.element.hidden) this.figures.show(active, this.loader);
      if (this.side.shows("header")) void this.header.show(active.frame?.instance ?? active.series?.instances[0] ?? null);
      this.remember();
      for (const told of this.told) told();
    }, 50);
  }

  private remember(): void {
    if (!this.opened || this.cine.playing) return;
    if (!keepInAddress(this.layout, this.link.on)) setTimeout(() => this.refresh(), 2000);
  }

  get state(): ViewerState {
    return stateOf(this);
  }
}
