// What the tools ask of the viewer's core, and what it may ask of them.

import type { Attributes } from "./dataset";
import type { Point } from "./geometry";

/** Numbers as stored: one for a pixel, row by row. */
export type Numbers = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array;

/** The samples of one grey frame, and what makes values of them: value = slope * sample + intercept. */
export interface Samples {
  readonly data: Numbers;
  readonly slope: number;
  readonly intercept: number;
}

/** The frame that a viewport shows. */
export interface ShownImage {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** From 1. */
  readonly frame: number;
  readonly columns: number;
  readonly rows: number;
  /** Metadata of the instance, in DICOM JSON. */
  readonly instance: Attributes;
  /** Null until the frame is there in full, and of colour images. */
  readonly samples: Samples | null;
}

/** One viewport, as tools see it. Points of the screen are CSS pixels from the element's corner. */
export interface Stage {
  /** Positioned; layers are appended to it. */
  readonly element: HTMLElement;
  image(): ShownImage | null;
  toScreen(point: Point): Point;
  toImage(point: Point): Point;
  /** Call `changed` after each change of image, samples, size or transform, until told to stop. */
  subscribe(changed: () => void): () => void;
  /** Show another frame, of this study. */
  show(sopInstanceUid: string, frame: number): void;
}

/** Text for people: the English text is the key; `{name}` is replaced. */
export type Translate = (english: string, values?: Readonly<Record<string, string | number>>) => string;
