// How tools get into the viewer's page, and what the page offers them.

import type { Frame } from "./frames";
import type { Point } from "./geometry";
import type { Samples, Stage } from "./seam";

/** What follows a press of the button until it is let go. */
export interface Gesture {
  move(event: PointerEvent, at: Point): void;
  up(event: PointerEvent, at: Point): void;
  cancel(): void;
}

/** A tool that takes the left button. Points are on the image. */
export interface PointerTool {
  readonly id: string;
  /** In the reader's language; as of commands. */
  readonly label: string;
  /** What stands inside an <svg viewBox="0 0 24 24">, drawn with strokes of the current colour. */
  readonly icon: string;
  /** One key. */
  readonly key: string;
  readonly cursor?: string;
  /** Null: not taken, the window changes instead. */
  down(stage: Stage, event: PointerEvent, at: Point): Gesture | null;
}

export interface Command {
  readonly id: string;
  readonly label: string;
  readonly icon: string;
  readonly key: string;
  run(page: PageSeam): void;
  /** Whether it is on; of commands that switch something. */
  active?(page: PageSeam): boolean;
}

export interface PageSeam {
  readonly datastore: string;
  stages(): readonly Stage[];
  active(): Stage;
  /** All frames of what a stage shows, in the order of scrolling. */
  stack(stage: Stage): readonly Frame[];
  /** The samples of a grey frame, fetched if need be; null of colour and of what cannot be had. */
  load(frame: Frame): Promise<Samples | null>;
  say(text: string, kind: "info" | "error"): void;
  /** Call after each change of layout, series or active stage, until told to stop. */
  changed(told: () => void): () => void;
  /** Show an element at the side under a title; again: hide it. */
  panel(id: string, title: string, element: HTMLElement): void;
}

export interface Plugin {
  readonly tools: readonly PointerTool[];
  readonly commands: readonly Command[];
  /** Called for each new stage. */
  attach?(stage: Stage, page: PageSeam): void;
  /** Called once, when the first series is open. */
  opened?(page: PageSeam): void;
}
