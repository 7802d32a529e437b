// Measurements in words, in the reader's language.

import { text } from "../shell/text";
import type { Figure, Measured, Shape } from "./measure";

/** What a kind of measurement is called. */
export function shapeName(shape: Shape): string {
  return {
    length: text("Length"), angle: text("Angle"), cobb: text("Cobb angle"),
    ellipse: text("Ellipse"), rectangle: text("Rectangle"), probe: text("Value"),
  }[shape];
}

function figureName(name: Figure["name"]): string {
  return {
    length: "", width: "↔", height: "↕", angle: "", area: text("Area"), value: "",
    mean: text("Mean"), deviation: text("SD"), minimum: text("Min"), maximum: text("Max"),
  }[name];
}

const UNITS: Readonly<Record<string, string>> = { mm2: "mm²", px2: "px²", deg: "°" };

/** Digits after the point: as many as mean something. */
function digits({ name, value, unit }: Figure): number {
  if (unit === "deg" || unit === "mm" || name === "mean" || name === "deviation") return 1;
  if (Number.isInteger(value)) return 0;
  return Math.abs(value) < 10 ? 2 : Math.abs(value) < 1000 ? 1 : 0;
}

/** A number with its unit: "12.3 mm", "45.0°". */
export function written(figure: Figure): string {
  const unit = UNITS[figure.unit] ?? figure.unit;
  return `${figure.value.toFixed(digits(figure))}${unit && unit !== "°" ? ` ${unit}` : unit}`;
}

/** The lines of a label: first what was measured, then values, then whose millimetres they are. */
export function lines({ figures, kind }: Measured): string[] {
  const named = (figure: Figure): string => [figureName(figure.name), written(figure)].filter(Boolean).join(" ");
  const of = (...names: Figure["name"][]): string => figures.filter((one) => names.includes(one.name)).map(named).join("  ");
  const found = [of("length", "width", "height", "angle", "area", "value"), of("mean", "deviation"), of("minimum", "maximum")];
  const spatial = figures.some((one) => one.unit.startsWith("mm"));
  return [...found, spatial ? kindNote(kind) : ""].filter(Boolean);
}

/** What is said beside millimetres that are not simply the patient's. */
export function kindNote(kind: Measured["kind"]): string {
  switch (kind) {
    case "detector":
      return text("at the detector");
    case "film":
      return text("on the film");
    case "calibrated":
      return text("calibrated");
    default:
      return "";
  }
}
