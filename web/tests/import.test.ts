import assert from "node:assert/strict";
import { test } from "node:test";
import { CANNOT_UNDERSTAND, fitting, pauseBefore, stepAfter, understood } from "../import/batches";
import { dropped, sniffed } from "../import/files";

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

function meta(element: number, vr: string, text: string): number[] {
  const value = ascii(text.length % 2 ? `${text}\0` : text);
  return [2, 0, element, 0, ...ascii(vr), value.length & 255, value.length >> 8, ...value];
}

function file(...elements: number[][]): Uint8Array {
  const version = [2, 0, 1, 0, ...ascii("OB"), 0, 0, 2, 0, 0, 0, 0, 1];
  return new Uint8Array([...new Array<number>(128).fill(0), ...ascii("DICM"), ...version, ...elements.flat(), 8, 0, 5, 0]);
}

test("a DICOM file is known by its beginning, and tells its UID", () => {
  const head = file(meta(2, "UI", "1.2.840.10008.5.1.4.1.1.2"), meta(3, "UI", "1.2.3.4.5"), meta(0x10, "UI", "1.2"));
  assert.deepEqual(sniffed(head), { dicom: true, sop: "1.2.3.4.5" });
  assert.deepEqual(sniffed(head.subarray(0, 150)), { dicom: true, sop: "" });
});

test("a directory and other files are none; old files without preamble are", () => {
  assert.equal(sniffed(file(meta(2, "UI", "1.2.840.10008.1.3.10"))).dicom, false);
  assert.equal(sniffed(new Uint8Array(ascii("%PDF-1.7 and more"))).dicom, false);
  assert.equal(sniffed(new Uint8Array(0)).dicom, false);
  assert.deepEqual(sniffed(new Uint8Array([8, 0, 5, 0, 10, 0, 0, 0, 73, 83])), { dicom: true, sop: "" });
  assert.equal(sniffed(new Uint8Array([0, 8, 0, 5, 0, 0, 0, 10, 73, 83])).dicom, true);
});

test("no beginning makes it fail", () => {
  for (let round = 0; round < 300; round++) {
    const head = file(meta(2, "UI", "1.2.3"), meta(3, "UI", "1.2.3.4"));
    for (let times = 0; times < 6; times++) head[132 + Math.floor(Math.random() * (head.length - 132))] = Math.floor(Math.random() * 256);
    assert.equal(typeof sniffed(head.subarray(0, Math.floor(Math.random() * head.length))).dicom, "boolean");
  }
});

test("requests are bounded; what has no UID goes alone", () => {
  let number = 0;
  const one = (size: number, sop = String(number++)): { size: number; sop: string } => ({ size, sop });
  assert.equal(fitting([one(5), one(5), one(5)], 10, 9), 2);
  assert.equal(fitting([one(50), one(5)], 10, 9), 1);
  assert.equal(fitting([one(1), one(1), one(1)], 10, 2), 2);
  assert.equal(fitting([one(1, ""), one(1)], 10, 9), 1);
  assert.equal(fitting([one(1), one(1, "")], 10, 9), 1);
  assert.equal(fitting([one(1, "x"), one(1), one(1, "x")], 10, 9), 2);
  assert.equal(fitting([], 10, 9), 0);
});

const item = (sop: string): { path: string; size: number; sop: string } => ({ path: `f${sop}`, size: 1, sop });
const stored = (sop: string): object => ({ "00081155": { Value: [sop] }, "00081190": { Value: [`http://h/studies/1.2/series/1/instances/${sop}`] } });

test("an answer is told apart by file", () => {
  const answer = {
    "00081198": { Value: [{ "00081155": { Value: ["2"] }, "00081197": { Value: [0xa700] } }] },
    "00081199": { Value: [stored("1"), stored("4")] },
    "0008119A": { Value: [{ "00081197": { Value: [0xc000] } }] },
  };
  assert.deepEqual(understood(["1", "2", "3", "4"].map(item), answer), {
    stored: 2,
    studies: ["1.2"],
    failures: [{ path: "f2", reason: 0xa700 }, { path: "f3", reason: 0xc000 }],
  });
});

test("one with another UID inside, one alone without", () => {
  const other = understood([item("1")], { "00081199": { Value: [stored("9")] } });
  assert.deepEqual([other.stored, other.failures], [1, []]);
  assert.equal(understood([item("")], { "00081199": { Value: [stored("9")] } }).stored, 1);
  assert.deepEqual(understood([item("")], {}).failures, [{ path: "f", reason: CANNOT_UNDERSTAND }]);
});

test("what is done about answers", () => {
  for (const status of [0, 429, 502, 503, 504]) assert.equal(stepAfter(status, 99, 5), "again");
  assert.equal(stepAfter(500, 0, 5), "again");
  assert.equal(stepAfter(500, 3, 5), "halve");
  assert.equal(stepAfter(500, 3, 1), "fail");
  assert.equal(stepAfter(413, 0, 2), "halve");
  assert.equal(stepAfter(413, 0, 1), "fail");
  assert.equal(stepAfter(401, 0, 1), "signed out");
  assert.equal(stepAfter(403, 0, 1), "refused");
  assert.deepEqual([0, 1, 4, 20].map(pauseBefore), [1000, 2000, 16000, 30000]);
});

test("folders are gone through to the end, and what went away is passed over", async () => {
  const file = (path: string): FileSystemEntry =>
    ({ isFile: true, fullPath: `/${path}`, file: (yes: (found: File) => void, no: () => void) => (path.endsWith("gone") ? no() : yes(new File(["x"], path))) }) as unknown as FileSystemEntry;
  const folder = (path: string, ...batches: FileSystemEntry[][]): FileSystemEntry =>
    ({
      isFile: false,
      fullPath: `/${path}`,
      createReader: () => {
        const rest = [...batches];
        return { readEntries: (yes: (found: FileSystemEntry[]) => void, no: () => void) => (path.endsWith("shut") ? no() : yes(rest.shift() ?? [])) };
      },
    }) as unknown as FileSystemEntry;
  const found: string[] = [];
  const given = [folder("cd", [file("cd/1"), folder("cd/sub", [file("cd/sub/2")])], [file("cd/3"), file("cd/gone")]), folder("shut"), file("4")];
  for await (const one of dropped(given)) found.push(one.path);
  assert.deepEqual(found, ["cd/1", "cd/sub/2", "cd/3", "4"]);
});
