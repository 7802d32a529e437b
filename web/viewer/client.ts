// DICOMweb (PS3.18) from the page: metadata, series, frames and parts of them. A server that goes away
// is asked again, ever more seldom, until it is there.

import type { Attributes } from "./dataset";
import { stored } from "./described";
import type { Frame } from "./frames";

/** What is asked for is not there (any more). */
export class Gone extends Error {}
/** Nobody is signed in, or somebody who may not see this. */
export class NotAllowed extends Error {}
/** The server refuses; asking again would not help. */
export class Refused extends Error {}

export interface Part {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole. */
  readonly total: number;
  readonly type: string;
}

/** Seconds to wait after so many failures in a row: 0.25, 0.5, 1, ... 8. */
export const backOff = (failures: number): number => Math.min(0.25 * 2 ** Math.max(failures - 1, 0), 8);

/** Of a gateway whose server is away, of a server that starts or has too much to do. */
const PASSING = new Set([429, 502, 503, 504]);
const HTJ2K = "image/jphc, application/octet-stream;q=0.5";
/** Of samples that HTJ2K does not hold: single bits, 32 bits, floating point. */
const NATIVE = "application/octet-stream";
const JSON_TYPE = "application/dicom+json";

export class Client {
  /** In a row; of all requests together, since it is one server: those that fail at once count as one. */
  private failures = 0;
  /** When it is asked again, by `performance.now()`. */
  private next = 0;
  private readonly waiting = new Set<() => void>();

  /**
   * @param root the data store's DICOMweb, such as /dicomweb/main
   * @param special a series that is shown as it is in an image set which is not primary
   * @param away told the seconds until the next attempt when the server cannot be reached, and null when it is back
   */
  constructor(
    readonly root: string,
    private readonly special: { readonly series: string; readonly imageSet: string } | null,
    private readonly away: (seconds: number | null) => void,
  ) {}

  private url(study: string, series: string, below: string, query: Readonly<Record<string, string>> = {}): string {
    const all = new URLSearchParams(query);
    if (this.special?.series === series) all.set("imageSetId", this.special.imageSet);
    const path = `/studies/${encodeURIComponent(study)}/series/${encodeURIComponent(series)}/${below}`;
    return `${this.root}${path}${all.size > 0 ? `?${all}` : ""}`;
  }

  /** Metadata of all instances of a series. */
  async metadata(study: string, series: string, signal?: AbortSignal): Promise<Attributes[]> {
    const answer = await this.ask(this.url(study, series, "metadata"), { Accept: JSON_TYPE }, signal);
    return (await answer.json()) as Attributes[];
  }

  /** The series of a study, as QIDO-RS lists them. */
  async series(study: string): Promise<Attributes[]> {
    const query = { StudyInstanceUID: study, includefield: "SeriesDescription,NumberOfSeriesRelatedInstances,Modality,SeriesNumber,BodyPartExamined" };
    const answer = await this.ask(`${this.root}/series?${new URLSearchParams(query)}`, { Accept: JSON_TYPE });
    return answer.status === 204 ? [] : ((await answer.json()) as Attributes[]);
  }

  /** Whether a series is still there. */
  async has(study: string, series: string): Promise<boolean> {
    if (this.special?.series === series) return true;
    const query = new URLSearchParams({ StudyInstanceUID: study, SeriesInstanceUID: series, limit: "1" });
    const answer = await this.ask(`${this.root}/series?${query}`, { Accept: JSON_TYPE });
    return answer.status !== 204 && ((await answer.json()) as unknown[]).length > 0;
  }

  /** A picture of a series that fits into a box. */
  thumbnail(study: string, series: string, side: number): string {
    return this.url(study, series, "thumbnail", { viewport: `${side},${side}` });
  }

  /** A frame as HTJ2K, or uncompressed where it cannot be that; perhaps only some bytes of it. */
  async frame(of: Frame, signal: AbortSignal, from = 0, to?: number): Promise<Part> {
    const { studyUid: study, seriesUid: series, sopInstanceUid: instance, frame } = of;
    const { bitsAllocated } = stored(of.instance);
    const url = this.url(study, series, `instances/${encodeURIComponent(instance)}/frames/${frame}`);
    const headers: Record<string, string> = { Accept: bitsAllocated === 8 || bitsAllocated === 16 ? HTJ2K : NATIVE };
    if (from > 0 || to !== undefined) headers["Range"] = `bytes=${from}-${to === undefined ? "" : to - 1}`;
    const answer = await this.ask(url, headers, signal);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const total = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1];
    const type = (answer.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
    if (from > 0 && answer.status !== 206) return { bytes: bytes.slice(from), total: bytes.length, type };
    return { bytes, total: total ? Number(total) : bytes.length, type };
  }

  /** What a BulkDataURI names. */
  async bulk(uri: string, signal?: AbortSignal): Promise<Uint8Array> {
    // Of the address only the path counts: behind a proxy the host is another one than here.
    const { pathname, search } = new URL(uri, location.href);
    const answer = await this.ask(pathname + search, { Accept: "application/octet-stream" }, signal);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Do not wait any longer for the next attempt. */
  retry(): void {
    for (const go of [...this.waiting]) go();
  }

  private async ask(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    for (;;) {
      try {
        const answer = await fetch(url, { headers, credentials: "same-origin", ...(signal ? { signal } : {}) });
        if (!PASSING.has(answer.status)) {
          if (this.failures > 0) this.away(null);
          this.failures = this.next = 0;
          return checked(answer);
        }
        await answer.body?.cancel();
      } catch (error) {
        // A TypeError is what fetch throws of a network that fails; the rest is not ours to mend.
        if (signal?.aborted || !(error instanceof TypeError)) throw error;
      }
      await this.pause(signal);
    }
  }

  private pause(signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now >= this.next) {
      this.failures += 1;
      const seconds = backOff(this.failures);
      this.next = now + seconds * 1000;
      this.away(seconds);
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(go);
        signal?.removeEventListener("abort", abort);
      };
      const go = (): void => (end(), resolve());
      const abort = (): void => (end(), reject(signal!.reason as Error));
      const timer = setTimeout(go, this.next - now);
      this.waiting.add(go);
      signal?.addEventListener("abort", abort);
    });
  }
}

function checked(answer: Response): Response {
  const { status } = answer;
  if (answer.ok) return answer;
  if (status === 404 || status === 410) throw new Gone(String(status));
  if (status === 401 || status === 403) throw new NotAllowed(String(status));
  throw new Refused(String(status));
}
