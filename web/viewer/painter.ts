// Draws a frame: samples through a table into pixels, those into the canvas. Only what is to be seen is
// computed, of the smallest copy that is sharp enough (docs/decisions: Canvas 2D).

import { type Choice, chosen, isTabled, rangeOfValues, shade, shades } from "./shades";
import type { Loaded } from "./loader";
import type { Raster } from "./pixels";
import { apply, inverse, type Matrix, type Size } from "./transform";

/** Pixels around what is seen that are drawn too: smoothing looks at neighbours. */
const MARGIN = 2;
/** An image of fewer pixels is computed as a whole: then panning and zooming compute nothing. */
const SMALL = 1 << 20;

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

let numbering = 0;
const numbers = new WeakMap<object, number>();
/** A number for an object: the same for the same, and never given twice. */
function numberOf(object: object | null | undefined): number {
  if (!object) return 0;
  let found = numbers.get(object);
  if (!found) numbers.set(object, (found = ++numbering));
  return found;
}

/** Tables that are used again: of all frames of a series they are mostly one. */
export class Shades {
  private readonly kept = new Map<string, Uint32Array>();

  get(loaded: Loaded, choice: Choice, bits: 8 | 16, signed: boolean): Uint32Array {
    const { look } = loaded;
    const { stored } = look;
    const key = [
      look.slope, look.intercept, look.shape, stored.photometric, stored.bitsAllocated, look.padding, choice.invert, bits, signed,
      choice.window?.center, choice.window?.width, numberOf(choice.table), numberOf(look.modality), numberOf(look.palette),
    ].join();
    let found = this.kept.get(key);
    if (!found) {
      if (this.kept.size >= 8) this.kept.delete(this.kept.keys().next().value!);
      this.kept.set(key, (found = shades(look, choice, bits, signed)));
    }
    return found;
  }
}

/** A part of a raster as pixels of a canvas. */
export function pixels(loaded: Loaded, raster: Raster, rect: Rect, choice: Choice, kept: Shades): Uint32Array {
  const { data, columns, samples } = raster;
  const out = new Uint32Array(rect.width * rect.height);
  let at = 0;
  const each = (from: number): number => (rect.y + from) * columns + rect.x;
  if (samples === 3) {
    const flip = choice.invert ? 0xffffff : 0;
    for (let row = 0; row < rect.height; row++) {
      let source = each(row) * 3;
      for (let column = 0; column < rect.width; column++, source += 3) {
        out[at++] = 0xff000000 | (((data[source + 2]! << 16) | (data[source + 1]! << 8) | data[source]!) ^ flip);
      }
    }
    return out;
  }
  const full = chosen(loaded.look, choice, rangeOfValues(loaded.look, loaded.range));
  if (!isTabled(data)) {
    const to = shade(loaded.look, full);
    for (let row = 0; row < rect.height; row++) {
      let source = each(row);
      for (let column = 0; column < rect.width; column++) out[at++] = to(data[source++]!);
    }
    return out;
  }
  const bits = data.BYTES_PER_ELEMENT === 1 ? 8 : 16;
  const signed = data instanceof Int8Array || data instanceof Int16Array;
  const table = kept.get(loaded, full, bits, signed);
  // The same bytes, read as unsigned numbers: they are places in the table.
  const index = bits === 8 ? new Uint8Array(data.buffer, data.byteOffset, data.length) : new Uint16Array(data.buffer, data.byteOffset, data.length);
  for (let row = 0; row < rect.height; row++) {
    let source = each(row);
    for (let column = 0; column < rect.width; column++) out[at++] = table[index[source++]!]!;
  }
  return out;
}

/** The smaller copy that still has a pixel for each of the screen. */
export function levelFor(levels: readonly Raster[], scale: number): number {
  let level = 0;
  while (level + 1 < levels.length && scale * 2 ** (level + 1) <= 1) level += 1;
  return level;
}

/** The part of an image, in its own pixels, that a matrix brings into a rectangle of the screen. */
export function seen(to: Matrix, size: Size, columns: number, rows: number, factor: number): Rect {
  const back = inverse(to);
  const ends = ([[0, 0], [size.width, 0], [0, size.height], [size.width, size.height]] as const).map((one) => apply(back, one));
  const span = (values: number[], most: number): [number, number] => {
    const from = Math.floor(Math.min(...values) / factor) - MARGIN;
    const end = Math.ceil(Math.max(...values) / factor) + MARGIN;
    const start = Math.min(Math.max(from, 0), most);
    return [start, Math.max(Math.min(end, most) - start, 0)];
  };
  const [x, width] = span(ends.map((one) => one[0]), columns);
  const [y, height] = span(ends.map((one) => one[1]), rows);
  return { x, y, width, height };
}

/**
 * A matrix whose pixels fall onto those of the screen, where they are as large as those or a multiple:
 * half a pixel beside them, each would be smeared over two.
 */
export function onPixels([a, b, c, d, e, f]: Matrix): [number, number, number, number, number, number] {
  const whole = [a, b, c, d].every((one) => Math.abs(one - Math.round(one)) < 1e-9);
  return whole ? [Math.round(a), Math.round(b), Math.round(c), Math.round(d), Math.round(e), Math.round(f)] : [a, b, c, d, e, f];
}

export class Painter {
  private readonly context: CanvasRenderingContext2D;
  private readonly buffer = document.createElement("canvas");
  private readonly off: CanvasRenderingContext2D;
  private drawn = "";

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly kept: Shades,
  ) {
    this.context = canvas.getContext("2d", { alpha: false })!;
    this.off = this.buffer.getContext("2d", { alpha: false })!;
  }

  /**
   * @param to from the frame's pixels to CSS pixels
   * @param size of the viewport, CSS pixels
   */
  paint(loaded: Loaded | null, choice: Choice, to: Matrix, size: Size, smooth: boolean): void {
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    if (!loaded || width === 0 || height === 0) return;
    const [whole] = loaded.levels;
    const { columns } = loaded.frame;
    const scale = Math.hypot(to[0], to[1]) * ratio;
    const level = levelFor(loaded.levels, (scale * columns) / whole!.columns);
    const raster = loaded.levels[level]!;
    // Smaller copies are not exactly a power of two smaller: odd sides are rounded up.
    const [fx, fy] = [columns / raster.columns, loaded.frame.rows / raster.rows];
    const small = raster.columns * raster.rows <= SMALL;
    const rect = small ? { x: 0, y: 0, width: raster.columns, height: raster.rows } : seen(to, size, raster.columns, raster.rows, Math.min(fx, fy));
    if (rect.width === 0 || rect.height === 0) return;
    this.fill(loaded, raster, level, rect, choice);
    context.setTransform(...onPixels(to.map((one) => ratio * one) as unknown as Matrix));
    context.imageSmoothingEnabled = smooth;
    context.imageSmoothingQuality = scale < 0.75 ? "medium" : "low";
    context.drawImage(this.buffer, 0, 0, rect.width, rect.height, rect.x * fx, rect.y * fy, rect.width * fx, rect.height * fy);
  }

  private fill(loaded: Loaded, raster: Raster, level: number, rect: Rect, choice: Choice): void {
    const key = [
      loaded.frame.key, loaded.full, level, rect.x, rect.y, rect.width, rect.height,
      choice.window?.center, choice.window?.width, numberOf(choice.table), choice.invert, numberOf(raster),
    ].join();
    if (key === this.drawn) return;
    const data = pixels(loaded, raster, rect, choice, this.kept);
    const image = new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), rect.width, rect.height);
    if (this.buffer.width !== rect.width || this.buffer.height !== rect.height) Object.assign(this.buffer, { width: rect.width, height: rect.height });
    this.off.putImageData(image, 0, 0);
    this.drawn = key;
  }
}

/** A frame as it is stored, pixel by pixel, through a window: for PNG and for tests. */
export function whole(loaded: Loaded, choice: Choice, kept: Shades): ImageData {
  const [raster] = loaded.levels;
  const { columns, rows } = raster!;
  const data = pixels(loaded, raster!, { x: 0, y: 0, width: columns, height: rows }, choice, kept);
  return new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), columns, rows);
}
