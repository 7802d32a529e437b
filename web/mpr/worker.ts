// Cuts stacks of images into planes, beside the page. One stack at a time.

import type { Cut, Voxels } from "../viewer/mpr";
import { cut } from "../viewer/mpr";
import type { Numbers } from "../viewer/seam";
import type { Stack } from "../viewer/volume";

export type Order =
  | { readonly kind: "stack"; readonly stack: Stack }
  | { readonly kind: "image"; readonly at: number; readonly data: Numbers }
  | { readonly kind: "cut"; readonly number: number; readonly cut: Cut };

export interface CutDone {
  readonly number: number;
  readonly data: Float32Array;
}

let voxels: { stack: Stack; images: (Numbers | null)[] } | null = null;

self.addEventListener("message", ({ data: order }: MessageEvent<Order>) => {
  if (order.kind === "stack") {
    voxels = { stack: order.stack, images: order.stack.positions.map(() => null) };
  } else if (voxels && order.kind === "image") {
    voxels.images[order.at] = order.data;
  } else if (voxels && order.kind === "cut") {
    const data = cut(voxels satisfies Voxels, order.cut);
    const done: CutDone = { number: order.number, data };
    (self as unknown as Worker).postMessage(done, [data.buffer]);
  }
});
