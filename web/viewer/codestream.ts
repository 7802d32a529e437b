// Where the resolutions of an HTJ2K codestream end (T.800 A), so that a beginning of it can be decoded.

/** A resolution that the first `end` bytes hold in full. */
export interface Resolution {
  /** How often the image is halved: 0 is all of it. */
  readonly level: number;
  readonly end: number;
}

const SOC = 0xff4f;
const SIZ = 0xff51;
const COD = 0xff52;
const TLM = 0xff55;
const SOT = 0xff90;
const RESOLUTION_FIRST = new Set([1, 2]); // RLCP, RPCL

/**
 * The resolutions, the smallest first, of a codestream of one tile that has a tile-part for each
 * and says how long they are (PS3.5 10.18: TLM, RPCL). Empty where it is made in another way, or where
 * not even the main header has come.
 *
 * @param bytes a codestream, or its beginning
 */
export function resolutions(bytes: Uint8Array): Resolution[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint16(0) !== SOC) return [];
  const parts: number[] = [];
  let tiles = 0;
  let halvings = -1;
  let at = 2;
  while (at + 4 <= view.byteLength) {
    const marker = view.getUint16(at);
    if (marker === SOT) return tiles === 1 && parts.length === halvings + 1 ? ends(at, parts) : [];
    const length = view.getUint16(at + 2);
    if (marker < 0xff00 || length < 2 || at + 2 + length > view.byteLength) return [];
    if (marker === SIZ && length >= 38) tiles = tilesOf(view, at + 6);
    else if (marker === COD && length >= 10) {
      if (!RESOLUTION_FIRST.has(view.getUint8(at + 5))) return [];
      halvings = view.getUint8(at + 9);
    } else if (marker === TLM) parts.push(...lengths(view, at, length));
    at += 2 + length;
  }
  return [];
}

function tilesOf(view: DataView, at: number): number {
  const [width, height, x, y, tileWidth, tileHeight, tileX, tileY] = Array.from({ length: 8 }, (_, i) => view.getUint32(at + 4 * i));
  if (!tileWidth || !tileHeight || x! > width! || y! > height!) return 0;
  return Math.ceil((width! - tileX!) / tileWidth) * Math.ceil((height! - tileY!) / tileHeight);
}

/** T.800 A.7.1: ST (bytes of a tile's index) and SP (length in 2 or 4 bytes) stand in Stlm. */
function lengths(view: DataView, at: number, length: number): number[] {
  const sizes = view.getUint8(at + 5);
  const index = (sizes >> 4) & 3;
  const wide = (sizes & 0x40) !== 0;
  const step = index + (wide ? 4 : 2);
  const found: number[] = [];
  for (let place = at + 6; place + step <= at + 2 + length; place += step) {
    found.push(wide ? view.getUint32(place + index) : view.getUint16(place + index));
  }
  return found;
}

function ends(header: number, parts: readonly number[]): Resolution[] {
  let end = header;
  return parts.map((part, index) => ({ level: parts.length - 1 - index, end: (end += part) }));
}

/** The largest resolution that is all there; undefined where none is. */
export function complete(of: readonly Resolution[], bytes: number): Resolution | undefined {
  return of.filter((one) => one.end <= bytes).at(-1);
}

/**
 * What a decoder is given for a resolution: the codestream up to its end, with an EOC of its own.
 * Decoders stop at the end of what they need, but look for the next marker.
 */
export function cut(bytes: Uint8Array, end: number): Uint8Array<ArrayBuffer> {
  const part = new Uint8Array(end + 2);
  part.set(bytes.subarray(0, end));
  part.set([0xff, 0xd9], end);
  return part;
}

/** Bytes to ask for first, for an image that is then about an eighth as wide: 8 to 192 kB. */
export function firstBytes(pixels: number, bytesPerPixel: number): number {
  return Math.round(Math.min(Math.max((pixels * bytesPerPixel) / 32, 8192), 196608));
}
