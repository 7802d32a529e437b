// A worker that decodes frames, one after the other.

import openjph, { type Decoder, type OpenJph } from "@cornerstonejs/codec-openjph";
import { native, pyramid, type Raster, raster, unmixed } from "./pixels";
import { rangeOf } from "./shades";
import type { Outcome, Setup, Task } from "./tasks";

let library: Promise<OpenJph> | undefined;
let decoder: Decoder | undefined;

async function htj2k(task: Task): Promise<Raster> {
  if (!library) throw new Error("the decoder was not set up");
  const found = await library;
  decoder ??= new found.HTJ2KDecoder();
  decoder.getEncodedBuffer(task.bytes.length).set(task.bytes);
  try {
    if (task.level > 0) decoder.decodeSubResolution(task.level);
    else decoder.decode();
  } catch (error) {
    // What C++ throws arrives as a number; the decoder that threw is not used again.
    const why = decoder.getLastErrorMessage();
    decoder.delete();
    decoder = undefined;
    throw new Error(why || (error instanceof Error ? error.message : "not a codestream"));
  }
  const info = decoder.getFrameInfo();
  const size = decoder.calculateSizeAtDecompositionLevel(task.level);
  const { stored } = task;
  if (info.componentCount !== stored.samples || info.width !== stored.columns || info.height !== stored.rows) {
    const said = `${stored.columns} x ${stored.rows} x ${stored.samples}`;
    throw new Error(`found ${info.width} x ${info.height} x ${info.componentCount}, expected ${said}`);
  }
  const decoded = decoder.getDecodedBuffer().slice();
  const mixed = info.componentCount === 3 && !info.isUsingColorTransform;
  const bytes = mixed ? unmixed(decoded, size.width, size.height, info.bitsPerSample > 8 ? 2 : 1) : decoded;
  return raster(bytes, stored, { columns: size.width, rows: size.height, bits: info.bitsPerSample, signed: info.isSigned });
}

async function answer(task: Task): Promise<Outcome> {
  const began = performance.now();
  try {
    const whole = task.form === "htj2k" ? await htj2k(task) : native(task.bytes, task.stored);
    const levels = task.level > 0 ? [whole] : pyramid(whole);
    const range = task.ranged && whole.samples === 1 ? rangeOf(whole.data, task.padding) : ([0, 255] as const);
    return { id: task.id, levels, range, took: performance.now() - began };
  } catch (error) {
    return { id: task.id, failure: error instanceof Error ? error.message : String(error) };
  }
}

self.addEventListener("message", async (event: MessageEvent<Setup | Task>) => {
  const told = event.data;
  if ("wasm" in told) {
    library = openjph({ locateFile: () => told.wasm });
    return;
  }
  const outcome = await answer(told);
  const moved = "levels" in outcome ? outcome.levels.map((level) => level.data.buffer as ArrayBuffer) : [];
  self.postMessage(outcome, { transfer: moved });
});
