// What the mouse, the pen and fingers do on a viewport: the tools that every image needs, and the wheel.

import type { Point } from "./geometry";
import type { Gesture, PointerTool } from "./plug";
import type { Viewport } from "./viewport";
import { zoomedAt, type View } from "./transform";
import { icons } from "./icons";
import { text } from "../shell/text";

/** Finds the viewport of a stage: tools are given stages, ours need more. */
export type Find = (element: HTMLElement) => Viewport;

type Drag = (dx: number, dy: number, event: PointerEvent) => void;

function dragging(event: PointerEvent, drag: Drag, cancel: () => void): Gesture {
  const [x, y] = [event.clientX, event.clientY];
  const go = (now: PointerEvent): void => drag(now.clientX - x, now.clientY - y, now);
  return { move: go, up: go, cancel };
}

/** Windows change by a share of their width, so that a drag means the same for CT and for PET. */
function windowing(viewport: Viewport, event: PointerEvent): Gesture | null {
  if (!viewport.shown || viewport.shown.levels[0]!.samples === 3 || viewport.shown.look.palette) return null;
  const before = viewport.choice;
  const { center, width } = viewport.window();
  const step = Math.max(width, 20) / 400;
  const drag: Drag = (dx, dy) => {
    const { table: _, ...rest } = viewport.choice;
    viewport.change({ choice: { ...rest, window: { center: rounded(center + dy * step, step), width: Math.max(rounded(width + dx * step, step), step < 0.5 ? 1e-6 : 1) } } });
  };
  return dragging(event, drag, () => viewport.change({ choice: before }));
}

/** Whole numbers where they are fine enough. */
const rounded = (value: number, step: number): number => (step >= 0.05 ? Math.round(value) : value);

function panning(viewport: Viewport, event: PointerEvent): Gesture {
  const { view } = viewport;
  const moved = (dx: number, dy: number): View => ({ ...view, pan: [view.pan[0] + dx, view.pan[1] + dy] });
  return dragging(event, (dx, dy) => viewport.change({ view: moved(dx, dy) }), () => viewport.change({ view }));
}

function zooming(viewport: Viewport, event: PointerEvent): Gesture {
  const { view, picture, box } = viewport;
  const corner = viewport.element.getBoundingClientRect();
  const at: Point = [event.clientX - corner.left, event.clientY - corner.top];
  const zoomed = (dy: number): View => zoomedAt(view, picture, box, Math.exp(-dy / 200), at);
  return dragging(event, (_, dy) => viewport.change({ view: zoomed(dy) }), () => viewport.change({ view }));
}

/** The whole height goes through the whole series, but a frame takes a few pixels at least. */
function scrolling(viewport: Viewport, event: PointerEvent): Gesture {
  const { index } = viewport;
  const step = Math.max(viewport.box.height / Math.max(viewport.series?.frames.length ?? 1, 1), 4);
  return dragging(event, (_, dy) => viewport.scrollTo(index + Math.round(dy / step)), () => viewport.scrollTo(index));
}

export function basicTools(find: Find): PointerTool[] {
  const tool = (id: string, label: string, key: string, icon: string, cursor: string, begin: (viewport: Viewport, event: PointerEvent) => Gesture | null): PointerTool => ({
    id, label, key, icon, cursor,
    down: (stage, event) => begin(find(stage.element), event),
  });
  return [
    tool("window", text("Window"), "W", icons.window, "default", windowing),
    tool("scroll", text("Scroll"), "S", icons.scroll, "ns-resize", scrolling),
    tool("zoom", text("Zoom"), "Z", icons.zoom, "zoom-in", zooming),
    tool("pan", text("Move"), "P", icons.pan, "grab", panning),
  ];
}

export interface Hands {
  /** The tool of the left button. */
  tool(): PointerTool;
  activate(viewport: Viewport): void;
}

/** Middle button: move; right: zoom, both as on most workstations; two fingers: zoom and move. */
const BUTTONS: Readonly<Record<number, typeof panning>> = { 1: panning, 2: zooming };

/** Let a viewport be worked with. */
export function handle(viewport: Viewport, hands: Hands): void {
  const { element } = viewport;
  const fingers = new Map<number, Point>();
  let gesture: Gesture | null = null;
  const local = (event: MouseEvent): Point => {
    const corner = element.getBoundingClientRect();
    return [event.clientX - corner.left, event.clientY - corner.top];
  };
  const at = (event: PointerEvent): Point => viewport.toImage(local(event));

  element.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Element && event.target.closest("input, button, a, select, textarea, [data-own-pointer]")) return;
    hands.activate(viewport);
    element.focus({ preventScroll: true });
    if (event.pointerType === "touch") fingers.set(event.pointerId, local(event));
    if (fingers.size === 2) {
      gesture?.cancel();
      gesture = null;
    } else if (!gesture) {
      const other = BUTTONS[event.button];
      const left = event.button === 0;
      gesture = other ? other(viewport, event) : left ? (hands.tool().down(viewport, event, at(event)) ?? windowing(viewport, event)) : null;
    }
    if (gesture || fingers.size === 2) element.setPointerCapture(event.pointerId);
    if (gesture) event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) {
      if (fingers.size === 2) pinch(viewport, fingers, event.pointerId, local(event));
      fingers.set(event.pointerId, local(event));
    }
    gesture?.move(event, at(event));
  });
  const end = (event: PointerEvent, taken: boolean): void => {
    fingers.delete(event.pointerId);
    const ended = gesture;
    gesture = null;
    if (taken) ended?.up(event, at(event));
    else ended?.cancel();
  };
  element.addEventListener("pointerup", (event) => end(event, true));
  element.addEventListener("pointercancel", (event) => end(event, false));
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("wheel", wheeled(viewport, hands, local), { passive: false });
}

function pinch(viewport: Viewport, fingers: Map<number, Point>, id: number, now: Point): void {
  const before = fingers.get(id)!;
  const other = [...fingers].find(([finger]) => finger !== id)![1];
  const apart = (point: Point): number => Math.hypot(point[0] - other[0], point[1] - other[1]);
  const zoomed = zoomedAt(viewport.view, viewport.picture, viewport.box, apart(now) / Math.max(apart(before), 1), other);
  const move = [(now[0] - before[0]) / 2, (now[1] - before[1]) / 2] as const;
  viewport.change({ view: { ...zoomed, pan: [zoomed.pan[0] + move[0], zoomed.pan[1] + move[1]] } });
}

/** Pixels of a touchpad that are a step; a wheel's notch is one, whatever it says. */
const NOTCH = 40;

function wheeled(viewport: Viewport, hands: Hands, local: (event: MouseEvent) => Point): (event: WheelEvent) => void {
  let rest = 0;
  return (event) => {
    event.preventDefault();
    hands.activate(viewport);
    if (event.ctrlKey) {
      viewport.change({ view: zoomedAt(viewport.view, viewport.picture, viewport.box, Math.exp(-event.deltaY / 300), local(event)) });
      return;
    }
    if (event.deltaMode !== WheelEvent.DOM_DELTA_PIXEL || Math.abs(event.deltaY) >= NOTCH) {
      rest = 0;
      viewport.scrollBy(Math.sign(event.deltaY) * Math.max(1, event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? Math.floor(Math.abs(event.deltaY) / 120) : 1));
      return;
    }
    rest += event.deltaY;
    const steps = Math.trunc(rest / NOTCH);
    rest -= steps * NOTCH;
    if (steps !== 0) viewport.scrollBy(steps);
  };
}
