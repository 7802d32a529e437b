// What is sent together, and what the answers to it mean. No browser is needed here.

export const BYTES = 24 << 20; // of one request; a larger file has one of its own
export const FILES = 100;

/** A file that is to be sent. */
export interface Item {
  path: string;
  size: number;
  sop: string;
}

export interface Failure {
  path: string;
  reason: number;
}

/** What became of the files of a request. */
export interface Outcome {
  stored: number;
  studies: string[];
  failures: Failure[];
}

/** How many of the items that wait go into the next request. Answers name instances by their UIDs, and
    not files: so one whose UID cannot be seen goes alone, and no two of one UID go together. */
export function fitting(waiting: readonly { size: number; sop: string }[], bytes = BYTES, files = FILES): number {
  let sum = 0;
  let count = 0;
  const known = new Set<string>();
  for (const one of waiting) {
    if (count && (!one.sop || known.has(one.sop) || sum + one.size > bytes || count === files)) break;
    known.add(one.sop);
    sum += one.size;
    count += 1;
    if (!one.sop) break;
  }
  return count;
}

type Attribute = { Value?: unknown[] };
type Dataset = Record<string, Attribute>;

const FAILED = "00081198";
const STORED = "00081199";
const OTHERS = "0008119A";
const REASON = "00081197";
const SOP = "00081155";
const URL_ = "00081190";
export const CANNOT_UNDERSTAND = 0xc000;

function items(answer: Dataset, tag: string): Dataset[] {
  return (answer[tag]?.Value ?? []) as Dataset[];
}

function value(item: Dataset, tag: string): unknown {
  return item[tag]?.Value?.[0];
}

/** A Store Instances Response (PS3.18 10.5.3), for the items that were sent. What it refuses without
    saying which instance is meant, is among those of which it says nothing else. */
export function understood(sent: readonly Item[], answer: Dataset): Outcome {
  const stored = new Set(items(answer, STORED).map((item) => String(value(item, SOP))));
  const failed = new Map(items(answer, FAILED).map((item) => [String(value(item, SOP)), Number(value(item, REASON))]));
  const others = items(answer, OTHERS).map((item) => Number(value(item, REASON)));
  const studies = new Set<string>();
  for (const item of [...items(answer, STORED), answer]) {
    const found = /\/studies\/([^/]+)/.exec(String(value(item, URL_) ?? ""));
    if (found?.[1]) studies.add(decodeURIComponent(found[1]));
  }
  const failures: Failure[] = [];
  const nameless: Item[] = [];
  for (const item of sent) {
    const reason = failed.get(item.sop);
    if (reason !== undefined) failures.push({ path: item.path, reason });
    else if (!stored.delete(item.sop)) nameless.push(item);
  }
  // A file may tell another UID at its beginning than its data set has: it was stored as that.
  const lost = nameless.slice(stored.size);
  lost.forEach((item, at) => failures.push({ path: item.path, reason: others[at] ?? CANNOT_UNDERSTAND }));
  return { stored: sent.length - failures.length, studies: [...studies], failures };
}

/** What is done about an answer that tells of no instances. */
export type Step = "again" | "signed out" | "refused" | "halve" | "fail";

/** By its status (0: there was none), and how often it has been tried. */
export function stepAfter(status: number, tried: number, files: number): Step {
  if (status === 0 || status === 429 || status === 502 || status === 503 || status === 504) return "again";
  if (status === 401) return "signed out";
  if (status === 403 || status === 404) return "refused";
  if (status === 413 || status === 400) return files > 1 ? "halve" : "fail";
  return tried < 3 ? "again" : files > 1 ? "halve" : "fail";
}

/** Milliseconds before the next try: twice as long each time, to half a minute. */
export function pauseBefore(tried: number): number {
  return Math.min(30_000, 1000 * 2 ** tried);
}
