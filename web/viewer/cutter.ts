// Talks to the worker that cuts: images go to it once, cuts are asked for one at a time for each view.

import type { CutDone, Order } from "../mpr/worker";
import type { Cut } from "./mpr";
import type { Numbers, Samples } from "./seam";
import type { View } from "./views";
import type { Stack } from "./volume";

interface Asked {
  readonly view: View;
  readonly cut: Cut;
}

export class Cutter {
  private readonly worker: Worker;
  private readonly running = new Map<number, Asked>();
  /** Of each view the last that was asked for while one is being made: those between are not. */
  private readonly waiting = new Map<View, Cut>();
  private counted = 0;

  /**
   * @param url of the worker
   * @param done told each cut and its samples
   */
  constructor(url: string, stack: Stack, done: (view: View, cut: Cut, data: Float32Array) => void) {
    this.worker = new Worker(url, { type: "module" });
    this.worker.addEventListener("message", ({ data }: MessageEvent<CutDone>) => {
      const asked = this.running.get(data.number);
      this.running.delete(data.number);
      if (!asked) return;
      done(asked.view, asked.cut, data.data);
      const next = this.waiting.get(asked.view);
      this.waiting.delete(asked.view);
      if (next) this.ask(asked.view, next);
    });
    this.send({ kind: "stack", stack });
  }

  private send(order: Order, transfer: Transferable[] = []): void {
    this.worker.postMessage(order, transfer);
  }

  /** Hand over an image of the stack, by its place in the order. */
  image(at: number, data: Numbers): void {
    this.send({ kind: "image", at, data }, [data.buffer]);
  }

  ask(view: View, cut: Cut): void {
    for (const one of this.running.values()) {
      if (one.view !== view) continue;
      this.waiting.set(view, cut);
      return;
    }
    const number = ++this.counted;
    this.running.set(number, { view, cut });
    this.send({ kind: "cut", number, cut });
  }

  close(): void {
    this.worker.terminate();
  }
}

/** What the worker gets of a frame: its own copy; values instead of samples where frames are scaled each by itself. */
export function handedOver({ data, slope, intercept }: Samples, scaled: boolean): Numbers {
  return scaled ? Float32Array.from(data, (sample) => slope * sample + intercept) : data.slice();
}

/** Half as many pixels each way: what is shown while a slab is being moved. */
export function coarse(cut: Cut): Cut {
  const shift = cut.spacing / 2;
  const origin = cut.origin.map((one, axis) => one + (cut.right[axis as 0] + cut.down[axis as 0]) * shift);
  return {
    ...cut,
    origin: origin as unknown as Cut["origin"],
    spacing: cut.spacing * 2,
    columns: Math.max(1, Math.ceil(cut.columns / 2)),
    rows: Math.max(1, Math.ceil(cut.rows / 2)),
  };
}
