// What was dropped or chosen: all files of all folders, and whether each is DICOM.

/** A file, and its path within what was dropped. */
export interface Found {
  file: File;
  path: string;
}

/** What the beginning of a file says: no DICOM, or an instance; its UID where it is told. */
export interface Sniffed {
  dicom: boolean;
  sop: string;
}

const HEAD = 4096; // bytes that are looked at

/** The files of what was dropped; folders are gone through. Entries must be taken while it drops. */
export async function* dropped(entries: readonly FileSystemEntry[]): AsyncGenerator<Found> {
  for (const entry of entries) yield* within(entry);
}

/** The entries of what was dropped: only to be had during the event. */
export function entriesOf(transfer: DataTransfer): FileSystemEntry[] {
  return [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
}

async function* within(entry: FileSystemEntry): AsyncGenerator<Found> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File | null>((resolve) => {
      (entry as FileSystemFileEntry).file(resolve, () => resolve(null)); // it went meanwhile
    });
    if (file) yield { file, path };
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (let some = await listed(reader); some.length; some = await listed(reader)) {
    for (const one of some) yield* within(one);
  }
}

function listed(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
}

/** The files that were chosen in a dialog. */
export function chosen(files: FileList): Found[] {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Whether a file is a DICOM instance, by its beginning. */
export async function sniff(file: Blob): Promise<Sniffed> {
  return sniffed(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
}

/** PS3.10 7.1: a preamble of 128 bytes, DICM, and the file meta information. Files of before have
    none, and begin with an element of group 0008, in either byte order. */
export function sniffed(head: Uint8Array): Sniffed {
  const text = (at: number, length: number): string => String.fromCharCode(...head.subarray(at, at + length));
  if (text(128, 4) !== "DICM") {
    const even = head[0] === 8 && head[1] === 0 && head[3] === 0;
    const odd = head[0] === 0 && head[1] === 8 && head[2] === 0;
    return { dicom: head.length > 8 && (even || odd), sop: "" };
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let sop = "";
  for (let at = 132; at + 8 <= head.length; ) {
    const group = view.getUint16(at, true);
    const element = view.getUint16(at + 2, true);
    if (group !== 2) break;
    const long = ["OB", "OW", "UN", "SQ", "UT", "OF", "OD", "OL", "UC", "UR"].includes(text(at + 4, 2));
    const length = long ? (at + 12 <= head.length ? view.getUint32(at + 8, true) : 0) : view.getUint16(at + 6, true);
    const begin = at + (long ? 12 : 8);
    const value = text(begin, Math.min(length, 64)).replace(/[\0 ]+$/, "");
    // A directory lists instances, and is none (PS3.10 8.6).
    if (element === 2 && value === "1.2.840.10008.1.3.10") return { dicom: false, sop: "" };
    if (element === 3) sop = value;
    at = begin + length;
  }
  return { dicom: true, sop };
}
