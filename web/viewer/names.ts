// Names and other text of patients, for people to read.

import type { Attributes } from "./dataset";

/** Characters that would reorder what stands around them, and those that cannot be seen. */
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Text as it is, but what would make it read otherwise is shown as such. */
export const visible = (text: string): string => text.replace(HIDDEN, "\ufffd");

/** A person's name in all its forms: alphabetic, ideographic, phonetic (PS3.18 F.2.2). */
export function personName(of: Attributes, tag: string): string[] {
  const value = of[tag]?.Value?.[0];
  if (typeof value === "string") return value ? [readable(value)] : [];
  if (typeof value !== "object" || value === null) return [];
  const forms = value as Record<string, unknown>;
  return ["Alphabetic", "Ideographic", "Phonetic"].flatMap((form) => {
    const text = forms[form];
    return typeof text === "string" && text.replaceAll("^", "").trim() ? [readable(text)] : [];
  });
}

const readable = (name: string): string => visible(name).replace(/\^+$/, "").split("^").map((part) => part.trim()).join(" ").trim();

/** DA as 2026-11-25; what is none as it is. */
export function date(text: string): string {
  const parts = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(text);
  return parts ? parts.slice(1).join("-") : visible(text);
}

/** TM as 14:05. */
export function time(text: string): string {
  const parts = /^(\d{2}):?(\d{2})/.exec(text);
  return parts ? `${parts[1]}:${parts[2]}` : "";
}
