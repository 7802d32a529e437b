// Lookup tables of a header (PS3.3 C.11.1.1, C.11.2.1.1, C.7.6.3.1.5), segmented palettes among them.

import { type Attributes, type Element, number, numbers, text } from "./dataset";

export interface Table {
  /** The sample that the first entry is for; smaller ones take it too. */
  readonly first: number;
  /** Bits of an entry, 8 to 16. */
  readonly bits: number;
  readonly entries: Uint16Array;
  /** LUT Explanation, for people. */
  readonly name: string;
}

/** The entry for a value; those outside take the nearest. */
export function lookUp(table: Table, value: number): number {
  const index = Math.trunc(value) - table.first;
  return table.entries[index < 0 ? 0 : index >= table.entries.length ? table.entries.length - 1 : index] ?? 0;
}

/** The greatest value that an entry can have; 8-bit entries in 16 bits are known by their values. */
export function greatest(table: Table): number {
  let most = 0;
  for (const entry of table.entries) if (entry > most) most = entry;
  return most > 255 || table.bits <= 8 ? 2 ** table.bits - 1 : 255;
}

/** A table of its descriptor (entries, first sample, bits) and its data; null where they make none. */
export function table(of: Attributes, descriptor: string, data: string, signed: boolean, name = ""): Table | null {
  const [count, first, bits] = numbers(of, descriptor);
  if (count === undefined || first === undefined || bits === undefined) return null;
  const length = count || 65536; // PS3.3 C.7.6.3.1.5: 0 stands for 2^16
  const words = wordsOf(of[data], length);
  if (words.length === 0) return null;
  return {
    first: signed && first >= 32768 ? first - 65536 : first,
    bits: Math.min(Math.max(bits, 8), 16),
    entries: words.slice(0, length),
    name,
  };
}

/** A table whose data come in segments (PS3.3 C.7.9.2). */
export function segmented(of: Attributes, descriptor: string, data: string, signed: boolean): Table | null {
  const [count, first, bits] = numbers(of, descriptor);
  if (count === undefined || first === undefined || bits === undefined) return null;
  const entries = unfold(wordsOf(of[data], Infinity), count || 65536);
  if (entries.length === 0) return null;
  return { first: signed && first >= 32768 ? first - 65536 : first, bits: Math.min(Math.max(bits, 8), 16), entries, name: "" };
}

/** Red, green and blue of PALETTE COLOR. */
export function palette(of: Attributes, signed: boolean): readonly [Table, Table, Table] | null {
  const found = [1, 2, 3].map((part) => {
    const descriptor = `0028110${part}`;
    return table(of, descriptor, `0028120${part}`, signed) ?? segmented(of, descriptor, `0028122${part}`, signed);
  });
  const [red, green, blue] = found;
  return red && green && blue ? [red, green, blue] : null;
}

/** The first table of a sequence of them: Modality LUT, VOI LUT. */
export function tableOf(item: Attributes, signed: boolean): Table | null {
  return table(item, "00283002", "00283006", signed, text(item, "00283003"));
}

/** Words of US/SS values or of binary, little endian; one byte an entry where there are too few. */
function wordsOf(element: Element | undefined, count: number): Uint16Array {
  if (!element) return new Uint16Array(0);
  if (element.Value) return Uint16Array.from(element.Value as number[]);
  const bytes = fromBase64(element.InlineBinary ?? "");
  if (Number.isFinite(count) && bytes.length < 2 * count) return Uint16Array.from(bytes.subarray(0, count));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.length >> 1 }, (_, index) => view.getUint16(2 * index, true));
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Segments into entries: discrete (0), linear (1), indirect (2: segments that came before, again). */
export function unfold(words: Uint16Array, count: number): Uint16Array {
  const out: number[] = [];
  const walk = (start: number, segments: number, deep: number): void => {
    let at = start;
    for (let done = 0; done < segments && at + 1 < words.length && out.length < count; done++) {
      const [kind, length] = [words[at]!, words[at + 1]!];
      if (kind === 0) {
        for (const word of words.subarray(at + 2, at + 2 + length)) out.push(word);
        at += 2 + length;
      } else if (kind === 1 && out.length > 0 && at + 2 < words.length) {
        const [from, to] = [out[out.length - 1]!, words[at + 2]!];
        for (let step = 1; step <= length && out.length < count; step++) out.push(Math.round(from + ((to - from) * step) / length));
        at += 3;
      } else if (kind === 2 && deep === 0 && at + 3 < words.length) {
        // The offset is in bytes from the beginning of the data, its low word first.
        walk((words[at + 2]! + words[at + 3]! * 65536) / 2, length, 1);
        at += 4;
      } else return;
    }
  };
  walk(0, Infinity, 0);
  return Uint16Array.from(out.slice(0, count));
}

/** Tags of binary values that showing an image needs, wherever they stand. */
export const TABLE_TAGS: ReadonlySet<string> = new Set([
  "00281201", "00281202", "00281203", "00281221", "00281222", "00281223", "00283006",
]);

/** Pixel Padding Value and its range limit as stored samples (PS3.3 C.7.5.1.1.2), lower first. */
export function padding(of: Attributes, signed: boolean, bits: number): readonly [number, number] | null {
  const value = number(of, "00280120");
  if (value === undefined) return null;
  const limit = number(of, "00280121") ?? value;
  // Some write an unsigned value for signed samples, and the other way round.
  const fit = (one: number): number => {
    const size = 2 ** bits;
    if (signed && one >= size / 2) return one - size;
    return !signed && one < 0 ? one + size : one;
  };
  const ends = [fit(value), fit(limit)].sort((a, b) => a - b);
  return [ends[0]!, ends[1]!];
}
