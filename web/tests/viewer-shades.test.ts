import assert from "node:assert/strict";
import { test } from "node:test";
import { look } from "../viewer/described";
import { halved, native, raster, unmixed } from "../viewer/pixels";
import { chosen, rangeOf, shade, shades } from "../viewer/shades";

const us = (...Value: number[]) => ({ vr: "US", Value });
const header = (photometric: string, more: object = {}) => ({
  "00280002": us(1),
  "00280004": { vr: "CS", Value: [photometric] },
  "00280010": us(1),
  "00280011": us(4),
  "00280100": us(16),
  "00280101": us(16),
  "00280103": us(1),
  "00281052": { vr: "DS", Value: [-1000] },
  "00281053": { vr: "DS", Value: [2] },
  ...more,
});
const window = { center: 0.5, width: 256 };
const at = (table: Uint32Array, sample: number): number => table[sample & 0xffff]! & 0xff;

test("signed samples go through slope and intercept, negative ones too", () => {
  const table = shades(look(header("MONOCHROME2"), 1), { window }, 16, true);
  // A window of 256 about 0.5: -128 ... 127 are 0 ... 255, and two values lie a sample apart.
  assert.deepEqual([-500, 436, 437, 500, 564, 565].map((sample) => at(table, sample)), [0, 0, 2, 128, 255, 255]);
});

test("MONOCHROME1 is turned over, and so is what somebody inverts; both are as it was", () => {
  const one = look(header("MONOCHROME1"), 1);
  const samples = [300, 450, 500, 700];
  const plain = samples.map((sample) => at(shades(look(header("MONOCHROME2"), 1), { window }, 16, true), sample));
  assert.deepEqual(samples.map((sample) => at(shades(one, { window }, 16, true), sample)), plain.map((value) => 255 - value));
  assert.deepEqual(samples.map((sample) => at(shades(one, { window, invert: true }, 16, true), sample)), plain);
});

test("padding is black, however the image is seen, and no part of its range", () => {
  const more = { "00280120": us(63536), "00280121": us(63526) };
  const of = look(header("MONOCHROME1", more), 1);
  const table = shades(of, { window, invert: true }, 16, true);
  assert.deepEqual([-2010, -2000, -2005, -1999].map((sample) => table[sample & 0xffff]! & 0xffffff), [0, 0, 0, 0]);
  assert.equal(at(shades(of, { window }, 16, true), -1999), 255);
  assert.deepEqual(rangeOf(Int16Array.of(-2000, 5, 9, -2010), of.padding), [5, 9]);
  assert.equal(shade(of, { window })(-2005) & 0xffffff, 0);
});

test("one by one or by table, it is the same", () => {
  const of = look(header("MONOCHROME2", { "00281056": { vr: "CS", Value: ["SIGMOID"] } }), 1);
  const table = shades(of, { window }, 16, true);
  const each = shade(of, { window });
  for (let sample = -32768; sample < 32768; sample += 11) assert.equal(table[sample & 0xffff], each(sample));
});

test("the file's table goes before its window, a person's choice before both", () => {
  const lut = { vr: "SQ", Value: [{ "00283002": us(2, 0, 8), "00283006": us(7, 9) }] };
  const of = look(header("MONOCHROME2", { "00283010": lut, "00281050": us(5), "00281051": us(9) }), 1);
  assert.deepEqual([...chosen(of, {}, [0, 1]).table!.entries], [7, 9]);
  assert.deepEqual(chosen(of, { window }, [0, 1]), { window });
  assert.equal(chosen(look(header("MONOCHROME2"), 1), {}, [0, 1]).window!.width, 2);
});

test("single bits, the least first; planes; floating point", () => {
  const stored = { columns: 5, rows: 2, samples: 1, bitsAllocated: 1, bitsStored: 1, signed: false, float: false, photometric: "MONOCHROME2", planar: false };
  assert.deepEqual([...native(Uint8Array.of(0b01000101, 0b10), stored).data], [1, 0, 1, 0, 0, 0, 1, 0, 0, 1]);
  const planes = { ...stored, columns: 2, rows: 1, samples: 3, bitsAllocated: 8, bitsStored: 8, photometric: "RGB", planar: true };
  assert.deepEqual([...native(Uint8Array.of(1, 2, 3, 4, 5, 6), planes).data], [1, 3, 5, 2, 4, 6]);
  const floats = { ...stored, columns: 2, rows: 1, bitsAllocated: 32, float: true };
  assert.deepEqual([...native(new Uint8Array(Float32Array.of(0.5, -2).buffer), floats).data], [0.5, -2]);
  assert.throws(() => native(new Uint8Array(3), floats), /found 3 bytes, expected 8/);
});

test("fewer than 8 bits of colour fill the byte, YBR becomes RGB", () => {
  const of = { columns: 1, rows: 1, samples: 3, bitsAllocated: 8, bitsStored: 8, signed: false, float: false, photometric: "YBR_FULL", planar: false };
  const size = { columns: 1, rows: 1, bits: 8, signed: false };
  assert.deepEqual([...raster(Uint8Array.of(76, 85, 255), of, size).data], [254, 0, 0]);
  assert.deepEqual([...raster(Uint8Array.of(0, 31, 7), { ...of, photometric: "RGB", bitsStored: 5 }, size).data], [0, 255, 58]);
});

test("what the decoder mixes up comes back in order", () => {
  // 2 x 2, samples named by component and place: lines a0 a1 b0 b1 c0 c1 are laid together by threes.
  const [a, b, c] = [[10, 11, 12, 13], [20, 21, 22, 23], [30, 31, 32, 33]] as const;
  const mixed = Uint8Array.of(a[0], a[2], b[0], a[1], a[3], b[1], b[2], c[0], c[2], b[3], c[1], c[3]);
  assert.deepEqual([...unmixed(mixed, 2, 2, 1)], [10, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23, 33]);
});

test("half the size is the mean, at odd edges too", () => {
  const half = halved({ columns: 3, rows: 3, samples: 1, data: Int16Array.of(0, 4, -7, 8, 8, -7, 1, 2, 100) });
  assert.deepEqual([half.columns, half.rows, ...half.data], [2, 2, 5, -7, 2, 100]);
});
