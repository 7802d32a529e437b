// The series of a study, and their frames once they are asked for.

import type { Client } from "./client";
import { type Attributes, number, text } from "./dataset";
import { type Frame, framesOf, sorted } from "./frames";

export interface Series {
  readonly uid: string;
  readonly studyUid: string;
  /** Metadata of all instances. */
  readonly instances: readonly Attributes[];
  /** In the order of scrolling; none of a series without images. */
  readonly frames: readonly Frame[];
}

/** A series as the study lists it. */
export interface Listed {
  readonly uid: string;
  readonly number: number | undefined;
  readonly modality: string;
  readonly description: string;
  readonly instances: number;
}

/** Modalities that have no pixels: they are shown last, and not opened by themselves. */
const WITHOUT_PIXELS = new Set(["SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "DOC", "REG", "FID", "ANN", "PLAN", "ECG", "AU"]);
const LAST = new Set([...WITHOUT_PIXELS, "SEG"]);

export const listed = (of: Attributes): Listed => ({
  uid: text(of, "0020000E"),
  number: number(of, "00200011"),
  modality: text(of, "00080060"),
  description: text(of, "0008103E"),
  instances: number(of, "00201209") ?? 0,
});

/** By Series Number; what is shown over images or has none comes after those. */
export function inOrder(series: readonly Listed[]): Listed[] {
  const rank = (one: Listed): number => (LAST.has(one.modality) ? 1 : 0);
  return [...series].sort((a, b) => rank(a) - rank(b) || (a.number ?? Infinity) - (b.number ?? Infinity) || (a.uid < b.uid ? -1 : 1));
}

export const hasPixels = (one: Listed): boolean => !WITHOUT_PIXELS.has(one.modality);

/** Opens series, each once. */
export class Library {
  private readonly opened = new Map<string, Promise<Series>>();

  constructor(
    private readonly client: Client,
    readonly studyUid: string,
  ) {}

  async list(): Promise<Listed[]> {
    return inOrder((await this.client.series(this.studyUid)).map(listed));
  }

  open(uid: string): Promise<Series> {
    let found = this.opened.get(uid);
    if (!found) {
      found = this.client.metadata(this.studyUid, uid).then((instances) => ({
        uid,
        studyUid: this.studyUid,
        instances,
        frames: sorted(framesOf(instances)),
      }));
      this.opened.set(uid, found);
      found.catch(() => this.opened.delete(uid));
    }
    return found;
  }
}
