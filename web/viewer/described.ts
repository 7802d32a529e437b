// What a header says of how the samples of a frame are stored, and how they are to be seen.

import type { Window, WindowFunction } from "./curves";
import { type Attributes, group, items, number, numbers, text, texts } from "./dataset";
import { padding, palette, type Table, tableOf } from "./tables";

/** How samples are stored (PS3.3 C.7.6.3). */
export interface Stored {
  readonly columns: number;
  readonly rows: number;
  /** Samples of a pixel: 1, or 3. */
  readonly samples: number;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly signed: boolean;
  /** Of Float (32) or Double Float (64) Pixel Data. */
  readonly float: boolean;
  /** Photometric Interpretation. */
  readonly photometric: string;
  /** Whether uncompressed colour comes plane by plane. */
  readonly planar: boolean;
}

/** How samples become what is seen (PS3.4 N.2): modality, values of interest, presentation. */
export interface Look {
  readonly stored: Stored;
  readonly slope: number;
  readonly intercept: number;
  /** The modality LUT; then slope and intercept do not count. */
  readonly modality: Table | null;
  /** Of modality values, such as HU; empty where there is none. */
  readonly unit: string;
  readonly windows: readonly Window[];
  readonly tables: readonly Table[];
  readonly shape: WindowFunction;
  readonly palette: readonly [Table, Table, Table] | null;
  /** Samples that are no part of the image, from ... to. */
  readonly padding: readonly [number, number] | null;
}

const PIXEL_VALUE = "00289145";
const FRAME_VOI = "00289132";
const UNITS: Readonly<Record<string, string>> = { HU: "HU", BQML: "Bq/mL", GML: "g/mL", CNTS: "counts", US: "" };

export function stored(of: Attributes): Stored {
  const allocated = number(of, "00280100") ?? 8;
  return {
    columns: number(of, "00280011") ?? 0,
    rows: number(of, "00280010") ?? 0,
    samples: number(of, "00280002") ?? 1,
    bitsAllocated: allocated,
    bitsStored: number(of, "00280101") ?? allocated,
    signed: number(of, "00280103") === 1,
    float: of["7FE00008"] !== undefined || of["7FE00009"] !== undefined,
    photometric: text(of, "00280004") || "MONOCHROME2",
    planar: number(of, "00280006") === 1,
  };
}

/**
 * How a frame is to be seen: its functional groups first, then the shared ones, then the top level.
 *
 * @param frame from 1
 */
export function look(instance: Attributes, frame: number): Look {
  const how = stored(instance);
  const places = [group(instance, frame, PIXEL_VALUE), group(instance, frame, FRAME_VOI), instance].filter((one) => one !== undefined);
  const first = <T>(read: (place: Attributes) => T | undefined): T | undefined => {
    for (const place of places) {
      const found = read(place);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const modality = first((place) => items(place, "00283000")[0]);
  const tables = first((place) => (place["00283010"] ? items(place, "00283010") : undefined)) ?? [];
  return {
    stored: how,
    slope: first((place) => number(place, "00281053")) ?? 1,
    intercept: first((place) => number(place, "00281052")) ?? 0,
    modality: modality ? tableOf(modality, how.signed) : null,
    unit: unitOf(instance, first((place) => text(place, "00281054") || undefined)),
    windows: first(windows) ?? [],
    // First entries of a VOI LUT are modality values, which may be negative (C.11.2.1.1).
    tables: tables.map((item) => tableOf(item, how.signed || (first((place) => number(place, "00281052")) ?? 0) < 0)).filter((one) => one !== null),
    shape: shapeOf(first((place) => text(place, "00281056") || undefined)),
    palette: how.photometric === "PALETTE COLOR" ? palette(instance, how.signed) : null,
    padding: how.samples === 1 ? padding(instance, how.signed, how.bitsAllocated) : null,
  };
}

/** Centres and widths that belong together; a width below 1 means nothing but with LINEAR_EXACT. */
function windows(place: Attributes): Window[] | undefined {
  const [centers, widths] = [numbers(place, "00281050"), numbers(place, "00281051")];
  const names = texts(place, "00281055");
  const found = centers.flatMap((center, index) => {
    const width = widths[index];
    return width !== undefined && width > 1e-9 ? [{ center, width, name: names[index] ?? "" }] : [];
  });
  return found.length > 0 ? found : undefined;
}

function shapeOf(text: string | undefined): WindowFunction {
  return text === "SIGMOID" || text === "LINEAR_EXACT" ? text : "LINEAR";
}

function unitOf(instance: Attributes, type: string | undefined): string {
  const modality = text(instance, "00080060");
  if (type && type !== "US") return UNITS[type] ?? type;
  if (modality === "CT") return "HU";
  return modality === "PT" ? (UNITS[text(instance, "00541001")] ?? "") : "";
}

/** Height of a pixel over its width: of its spacing, else of Pixel Aspect Ratio, which only then may be there. */
export function aspectOf(instance: Attributes, frame: number): number {
  const measures = group(instance, frame, "00289110");
  for (const [place, tag] of [[measures, "00280030"], [instance, "00280030"], [instance, "00181164"], [instance, "00182010"], [instance, "00280034"]] as const) {
    const [down, across] = place ? numbers(place, tag) : [];
    if (down && across && down > 0 && across > 0) return down / across;
  }
  return 1;
}

/** Frames a second that the data ask for; of what says nothing, 10. */
export function frameRate(instance: Attributes): number {
  const display = number(instance, "00082144") ?? number(instance, "00180040");
  if (display && display > 0) return display;
  const time = number(instance, "00181063") ?? numbers(instance, "00181065").find((one) => one > 0);
  return time && time > 0 ? Math.min(1000 / time, 120) : 10;
}
