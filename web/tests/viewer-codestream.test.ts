import assert from "node:assert/strict";
import { test } from "node:test";
import openjph from "@cornerstonejs/codec-openjph";
import { complete, cut, firstBytes, resolutions } from "../viewer/codestream";

const library = await openjph({ locateFile: (name) => `node_modules/@cornerstonejs/codec-openjph/dist/${name}` });

interface Encoder {
  getDecodedBuffer(info: object): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  setTLMMarker(on: boolean): void;
  setTilePartDivisionsAtResolutions(on: boolean): void;
  setProgressionOrder(order: number): void;
  setDecompositions(count: number): void;
  encode(): void;
}

/** A codestream as the server stores it (PS3.5 10.18): a picture of 200 x 120 in 16 bits. */
function encoded(order = 2): Uint8Array {
  const encoder = new (library as unknown as { HTJ2KEncoder: new () => Encoder }).HTJ2KEncoder();
  const info = { width: 200, height: 120, bitsPerSample: 16, componentCount: 1, isSigned: false, isUsingColorTransform: false };
  const samples = Uint16Array.from({ length: 200 * 120 }, (_, at) => 20000 + 90 * (at % 200) + 11 * Math.floor(at / 200) + ((at * 7919) % 13));
  encoder.getDecodedBuffer(info).set(new Uint8Array(samples.buffer));
  encoder.setTLMMarker(true);
  encoder.setTilePartDivisionsAtResolutions(true);
  encoder.setProgressionOrder(order);
  encoder.setDecompositions(5);
  encoder.encode();
  return encoder.getEncodedBuffer().slice();
}

test("resolutions end where TLM says, and each end decodes to that resolution", () => {
  const bytes = encoded();
  const found = resolutions(bytes);
  assert.deepEqual(found.map((one) => one.level), [5, 4, 3, 2, 1, 0]);
  assert.equal(found.at(-1)!.end, bytes.length - 2);
  const decoder = new library.HTJ2KDecoder();
  for (const { level, end } of found) {
    const sub = (of: Uint8Array): Uint8Array => {
      decoder.getEncodedBuffer(of.length).set(of);
      decoder.decodeSubResolution(level);
      return decoder.getDecodedBuffer().slice();
    };
    assert.deepEqual(sub(cut(bytes, end)), sub(bytes), `level ${level}`);
  }
});

test("of a beginning the largest resolution that is all there", () => {
  const found = resolutions(encoded().subarray(0, 400));
  assert.equal(complete(found, found[2]!.end)?.level, 3);
  assert.equal(complete(found, found[2]!.end - 1)?.level, 4);
  assert.equal(complete(found, 10), undefined);
});

test("a codestream in another order, or of no tile-parts, has none", () => {
  assert.deepEqual(resolutions(encoded(4)), []);
});

test("bytes that are no codestream have none, whatever they are", () => {
  assert.deepEqual(resolutions(new Uint8Array(0)), []);
  const bytes = encoded();
  for (let end = 0; end < 200; end++) resolutions(bytes.subarray(0, end));
  for (let at = 0; at < 170; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const broken = bytes.slice(0, 400);
      broken[at] = value;
      for (const one of resolutions(broken)) assert.ok(one.end >= 0 && one.level >= 0);
    }
  }
});

test("the first request is of a share of the image, within bounds", () => {
  assert.equal(firstBytes(512 * 512, 2), 16384);
  assert.equal(firstBytes(64 * 64, 1), 8192);
  assert.equal(firstBytes(4096 * 5120, 2), 196608);
});
