// What is shown, in the address: it can be sent to a colleague.

import type { Point } from "./geometry";
import type { View } from "./transform";
import type { Window } from "./curves";

/** One viewport. */
export interface Shot {
  readonly series: string;
  readonly sop: string;
  readonly frame: number;
  readonly window: Window | null;
  readonly invert: boolean;
  readonly view: View;
}

export interface Place {
  readonly layout: number;
  readonly active: number;
  readonly linked: boolean;
  readonly shots: readonly Shot[];
}

const UID = /^[0-9.]{1,128}$/;
const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** As the value of the parameter `at`; series, sop, frame, window and view, by commas and bars. */
export function write({ layout, active, linked, shots }: Place): string {
  const each = shots.map(({ series, sop, frame, window, invert, view }) => {
    const seen = [view.zoom === null ? "" : round(view.zoom, 4), round(view.pan[0], 1), round(view.pan[1], 1), round(view.turn, 2), (view.flip ? "f" : "") + (invert ? "i" : "")];
    return [series, sop, frame, window ? window.center : "", window ? window.width : "", ...seen].join(",");
  });
  return [[layout, active, linked ? 1 : 0].join(","), ...each].join("|");
}

/** What somebody wrote; null of what is none. An address may come from anybody. */
export function read(text: string | null): Place | null {
  if (!text || text.length > 4000) return null;
  const [head, ...rest] = text.split("|");
  const [layout, active, linked] = head!.split(",").map(Number);
  if (![1, 2, 4].includes(layout!) || rest.length === 0 || rest.length > 4) return null;
  const shots = rest.map(shot);
  if (shots.some((one) => one === null)) return null;
  const chosen = active! >= 0 && active! < layout! ? active! : 0;
  return { layout: layout!, active: chosen, linked: linked === 1, shots: shots as Shot[] };
}

function shot(text: string): Shot | null {
  const [series = "", sop = "", frame = "", center = "", width = "", zoom = "", x = "", y = "", turn = "", flags = ""] = text.split(",");
  const finite = (value: string): number => (Number.isFinite(Number(value)) ? Number(value) : 0);
  if ((series !== "" && !UID.test(series)) || (sop !== "" && !UID.test(sop))) return null;
  const pan: Point = [finite(x), finite(y)];
  const by = zoom === "" ? null : Math.min(Math.max(finite(zoom), 0.01), 128);
  return {
    series,
    sop,
    frame: Math.max(Math.trunc(finite(frame)), 1),
    window: width !== "" && finite(width) > 0 ? { center: finite(center), width: finite(width) } : null,
    invert: flags.includes("i"),
    view: { zoom: by, pan, turn: ((finite(turn) % 360) + 360) % 360, flip: flags.includes("f") },
  };
}
