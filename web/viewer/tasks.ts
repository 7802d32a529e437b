// What the page and its decoding workers tell each other.

import type { Stored } from "./described";
import type { Raster } from "./pixels";

export interface Setup {
  /** Of the decoder's WebAssembly. */
  readonly wasm: string;
}

export interface Task {
  readonly id: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** HTJ2K, or Explicit VR Little Endian. */
  readonly form: "htj2k" | "native";
  readonly stored: Stored;
  /** How often the image is to be halved: 0 is all of it. */
  readonly level: number;
  /** Whether the range of samples is wanted, and those that do not count for it. */
  readonly ranged: boolean;
  readonly padding: readonly [number, number] | null;
}

export type Outcome =
  | { readonly id: number; readonly levels: readonly Raster[]; readonly range: readonly [number, number]; readonly took: number }
  | { readonly id: number; readonly failure: string };
