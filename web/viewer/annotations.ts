// What has been measured in this study, with undo. `next` is pure; `Book` tells those who look.

import type { Point } from "./geometry";
import { type Measured, measure, type Shape } from "./measure";
import type { Samples, ShownImage } from "./seam";

export interface Annotation {
  /** A UID: it tracks the measurement through reports. */
  readonly id: string;
  readonly label: string;
  readonly shape: Shape;
  readonly points: readonly Point[];
  readonly sopInstanceUid: string;
  readonly frame: number;
}

export interface State {
  readonly items: readonly Annotation[];
  readonly selected: string | null;
  readonly past: readonly (readonly Annotation[])[];
  readonly future: readonly (readonly Annotation[])[];
  /** What is being done: changes with the same word are undone together. */
  readonly doing: string;
  /** What was kept by the server, by id: the very object, so that a change shows. */
  readonly saved: ReadonlyMap<string, Annotation>;
}

export type Event =
  | { readonly kind: "add"; readonly annotation: Annotation }
  | { readonly kind: "move"; readonly id: string; readonly points: readonly Point[]; readonly doing: string }
  | { readonly kind: "rename"; readonly id: string; readonly label: string }
  | { readonly kind: "remove"; readonly id: string }
  | { readonly kind: "select"; readonly id: string | null }
  | { readonly kind: "saved"; readonly items: readonly Annotation[] }
  | { readonly kind: "undo" }
  | { readonly kind: "redo" };

export const EMPTY: State = { items: [], selected: null, past: [], future: [], doing: "", saved: new Map() };
const DEEPEST = 200;

export function next(state: State, event: Event): State {
  switch (event.kind) {
    case "add":
      return { ...changed(state, [...state.items, event.annotation]), selected: event.annotation.id };
    case "move":
      return changed(state, replaced(state, event.id, { points: event.points }), `${event.id} ${event.doing}`);
    case "rename":
      return changed(state, replaced(state, event.id, { label: event.label }));
    case "remove":
      return changed(state, state.items.filter((one) => one.id !== event.id));
    case "select":
      return { ...state, selected: event.id, doing: "" };
    case "saved":
      return { ...state, saved: new Map([...state.saved, ...event.items.map((one) => [one.id, one] as const)]) };
    case "undo": {
      const [before, past] = [state.past.at(-1), state.past.slice(0, -1)];
      return before ? settled({ ...state, items: before, past, future: [...state.future, state.items], doing: "" }) : state;
    }
    case "redo": {
      const [after, future] = [state.future.at(-1), state.future.slice(0, -1)];
      return after ? settled({ ...state, items: after, past: [...state.past, state.items], future, doing: "" }) : state;
    }
  }
}

function replaced(state: State, id: string, by: Partial<Annotation>): readonly Annotation[] {
  return state.items.some((one) => one.id === id) ? state.items.map((one) => (one.id === id ? { ...one, ...by } : one)) : state.items;
}

function changed(state: State, items: readonly Annotation[], doing = ""): State {
  if (items === state.items || (items.length === state.items.length && items.every((one, at) => one === state.items[at]))) return state;
  const goesOn = doing !== "" && doing === state.doing;
  const past = goesOn ? state.past : [...state.past, state.items].slice(-DEEPEST);
  return settled({ ...state, items, past, future: [], doing });
}

/** Nothing is selected that is not there. */
const settled = (state: State): State =>
  state.items.some((one) => one.id === state.selected) ? state : { ...state, selected: null };

/** What the server has not got as it is. */
export const unsaved = (state: State): Annotation[] => state.items.filter((one) => state.saved.get(one.id) !== one);

const known = new WeakMap<Annotation, { readonly samples: Samples | null; readonly found: Measured }>();

/** What an annotation measures on its image; found once for as long as neither changes. */
export function measured(one: Annotation, image: ShownImage): Measured {
  const before = known.get(one);
  if (before && before.samples?.data === image.samples?.data) return before.found;
  const found = measure(one.shape, one.points, image);
  known.set(one, { samples: image.samples, found });
  return found;
}

/** What was measured last, also of an image that is not shown now. */
export const lastMeasured = (one: Annotation): Measured | null => known.get(one)?.found ?? null;

/** A UID of a random UUID (PS3.5 B.2). */
export function newUid(random: Uint8Array = crypto.getRandomValues(new Uint8Array(16))): string {
  random[6] = (random[6]! & 0x0f) | 0x40;
  random[8] = (random[8]! & 0x3f) | 0x80;
  return `2.25.${random.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)}`;
}

export class Book {
  state: State = EMPTY;
  private readonly listeners = new Set<() => void>();

  do(event: Event): void {
    const before = this.state;
    this.state = next(before, event);
    if (this.state !== before) for (const listener of this.listeners) listener();
  }

  subscribe(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }
}
