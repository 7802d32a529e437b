// Reading DICOM JSON (PS3.18 F.2) as WADO-RS metadata gives it. Nothing here throws: what is absent
// or of another form reads as empty, since what the files say is only as good as who wrote them.

export interface Element {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly BulkDataURI?: string;
  readonly InlineBinary?: string;
}

/** A data set: elements by tag, eight hexadecimal digits in upper case. */
export type Attributes = Readonly<Record<string, Element | undefined>>;

/** The finite numbers of an element; a number may come as text (DS and IS, PS3.18 F.2.3.1). */
export function numbers(of: Attributes, tag: string): number[] {
  const found: number[] = [];
  for (const value of of[tag]?.Value ?? []) {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) found.push(number);
  }
  return found;
}

/** The first number of an element. */
export function number(of: Attributes, tag: string): number | undefined {
  return numbers(of, tag)[0];
}

/** The texts of an element; those that are no text are left out. */
export function texts(of: Attributes, tag: string): string[] {
  return (of[tag]?.Value ?? []).filter((value) => typeof value === "string").map((value) => value.trim());
}

/** The first text of an element, or nothing ("") . */
export function text(of: Attributes, tag: string): string {
  return texts(of, tag)[0] ?? "";
}

/** The items of a sequence. */
export function items(of: Attributes, tag: string): Attributes[] {
  return (of[tag]?.Value ?? []).filter((value) => typeof value === "object" && value !== null) as Attributes[];
}

/** The first item of a sequence, or an empty data set. */
export function item(of: Attributes, tag: string): Attributes {
  return items(of, tag)[0] ?? {};
}

const SHARED = "52009229";
const PER_FRAME = "52009230";

/**
 * The item of a functional group (PS3.3 C.7.6.16) that is true of a frame: its own, else the shared
 * one. Undefined where the instance has neither.
 *
 * @param frame from 1
 * @param sequence the tag of the functional group's sequence
 */
export function group(instance: Attributes, frame: number, sequence: string): Attributes | undefined {
  const own = instance[PER_FRAME]?.Value?.[frame - 1] as Attributes | undefined;
  for (const groups of [own, item(instance, SHARED)]) {
    const found = groups && items(groups, sequence)[0];
    if (found) return found;
  }
  return undefined;
}

/** Numbers of a frame: of a functional group, else of the instance itself. */
export function frameNumbers(instance: Attributes, frame: number, sequence: string, tag: string): number[] {
  const found = group(instance, frame, sequence);
  const own = found ? numbers(found, tag) : [];
  return own.length > 0 ? own : numbers(instance, tag);
}

/** A concept: code value and scheme of a code sequence (PS3.3 8.8), and what it means. */
export interface Code {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

/** The code of the first item of a sequence. Long and URN code values are codes too. */
export function code(of: Attributes, tag: string): Code | undefined {
  const found = items(of, tag)[0];
  if (!found) return undefined;
  const value = text(found, "00080100") || text(found, "00080119") || text(found, "00080120");
  return { value, scheme: text(found, "00080102"), meaning: text(found, "00080104") };
}
