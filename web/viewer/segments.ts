// Segments over one viewport: a canvas above the image, drawn with the image's own transform.

import { type Frame, framesOf } from "./frames";
import { planeOf, type Point } from "./geometry";
import type { PageSeam } from "./plug";
import type { Stage } from "./seam";
import { colour, framesOver, placement, type Segmentation, type SegmentFrame } from "./seg";

/** Which segments are on, and how strong they are. */
export class Switches {
  opacity = 0.5;
  private readonly off = new Set<string>();

  key = (of: Segmentation, segment: number): string => `${of.sopInstanceUid} ${segment}`;

  isOn(of: Segmentation, segment: number): boolean {
    return !this.off.has(this.key(of, segment));
  }

  set(of: Segmentation, segment: number, on: boolean): void {
    if (on) this.off.delete(this.key(of, segment));
    else this.off.add(this.key(of, segment));
  }

  /** The numbers of those that are on. */
  shown(of: Segmentation): Set<number> {
    return new Set(of.segments.map((one) => one.number).filter((number) => this.isOn(of, number)));
  }
}

/** Frames of segmentations as canvases, painted once until switches change. */
const KEPT = 64;

export class SegmentLayer {
  readonly canvas = document.createElement("canvas");
  private segmentations: readonly Segmentation[] = [];
  private readonly frames = new Map<Segmentation, readonly Frame[]>();
  private painted = new Map<string, HTMLCanvasElement | null>();

  constructor(
    private readonly stage: Stage,
    private readonly page: PageSeam,
    private readonly switches: Switches,
  ) {
    this.canvas.className = "segments";
    this.canvas.setAttribute("aria-hidden", "true");
    // Above the image, below texts and marks.
    const image = stage.element.querySelector("canvas");
    if (image) image.after(this.canvas);
    else stage.element.prepend(this.canvas);
    stage.subscribe(() => this.draw());
  }

  show(segmentations: readonly Segmentation[]): void {
    this.segmentations = segmentations;
    this.changed();
  }

  /** Switches have changed: nothing that was painted holds. */
  changed(): void {
    this.painted = new Map();
    this.draw();
  }

  draw(): void {
    const { element } = this.stage;
    const image = this.stage.image();
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    let over = 0;
    if (image) {
      const beneath = { ...image, plane: planeOf(image.instance, image.frame) };
      context.globalAlpha = this.switches.opacity;
      context.imageSmoothingEnabled = false;
      for (const of of this.segmentations) {
        if (of.sopInstanceUid === image.sopInstanceUid) continue; // itself is what is looked at
        for (const frame of framesOver(of, beneath)) {
          const picture = this.picture(of, frame);
          over += 1;
          if (!picture) continue;
          const [o, x, y] = placement(of, frame, beneath).map((point) => this.stage.toScreen(point)) as [Point, Point, Point];
          const across = [(x[0] - o[0]) / of.columns, (x[1] - o[1]) / of.columns] as const;
          const down = [(y[0] - o[0]) / of.rows, (y[1] - o[1]) / of.rows] as const;
          context.setTransform(across[0] * ratio, across[1] * ratio, down[0] * ratio, down[1] * ratio, o[0] * ratio, o[1] * ratio);
          context.drawImage(picture, 0, 0);
        }
      }
    }
    this.canvas.dataset["frames"] = String(over);
  }

  /** A frame in its colours; null until it is there: then it is drawn by itself. */
  private picture(of: Segmentation, frame: SegmentFrame): HTMLCanvasElement | null {
    const { painted } = this;
    const key = `${of.sopInstanceUid}/${frame.frame}`;
    const known = painted.get(key);
    if (known !== undefined) return known;
    painted.set(key, null);
    for (const old of [...painted.keys()].slice(0, -KEPT)) painted.delete(old);
    void this.load(of, frame).then((picture) => {
      // Switches may have changed meanwhile: then others are painted.
      if (!picture || !painted.has(key) || painted !== this.painted) return;
      painted.set(key, picture);
      this.draw();
    });
    return null;
  }

  private async load(of: Segmentation, frame: SegmentFrame): Promise<HTMLCanvasElement | null> {
    if (!this.frames.has(of)) this.frames.set(of, framesOf([of.instance]));
    const found = this.frames.get(of)!.find((one) => one.frame === frame.frame);
    const samples = found && (await this.page.load(found));
    if (!samples) return null;
    const picture = document.createElement("canvas");
    Object.assign(picture, { width: of.columns, height: of.rows });
    const data = colour(of, frame, samples.data, this.switches.shown(of));
    picture.getContext("2d")?.putImageData(new ImageData(data, of.columns, of.rows), 0, 0);
    return picture;
  }
}
