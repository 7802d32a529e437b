// Sends what waits, a few requests at a time, until all has been answered; it can be paused, and goes
// on by itself when the server has been away.

import { token } from "../shell/forms";
import { type Failure, type Item, fitting, pauseBefore, stepAfter, understood } from "./batches";

const AT_ONCE = 2; // requests

export interface Waiting extends Item {
  file: File;
  tried: number;
}

export type State = "running" | "paused" | "away" | "signed out" | "refused" | "done" | "cancelled";

/** How far it is. */
export interface Progress {
  state: State;
  files: number;
  bytes: number;
  sentBytes: number;
  stored: number;
  failures: Failure[];
  studies: Set<string>;
  retryAt: number;
}

export class Sending {
  readonly progress: Progress = {
    state: "running", files: 0, bytes: 0, sentBytes: 0, stored: 0, failures: [], studies: new Set(), retryAt: 0,
  };
  private waiting: Waiting[] = [];
  private readonly flying = new Map<XMLHttpRequest, number>(); // bytes of each that have gone
  private doneBytes = 0;
  private gathering = true;
  private halved = Infinity; // files of a request at most, once a server has refused more

  constructor(
    private readonly url: string,
    private readonly changed: (progress: Progress) => void,
  ) {}

  /** One more file. */
  add(file: File, path: string, sop: string): void {
    this.waiting.push({ file, path, size: file.size, sop, tried: 0 });
    this.progress.files += 1;
    this.progress.bytes += file.size;
    this.go();
  }

  /** All files have been looked at. */
  gathered(): void {
    this.gathering = false;
    this.go();
  }

  pause(): void {
    if (this.progress.state === "running" || this.progress.state === "away") this.to("paused");
  }

  goOn(): void {
    if (this.ended && this.progress.state !== "signed out") return;
    this.to("running");
    this.go();
  }

  cancel(): void {
    if (this.ended) return;
    this.waiting = [];
    this.to("cancelled");
    for (const request of this.flying.keys()) request.abort();
  }

  get ended(): boolean {
    return ["done", "cancelled", "refused"].includes(this.progress.state);
  }

  get busy(): boolean {
    return !this.ended && (this.waiting.length > 0 || this.flying.size > 0 || this.gathering);
  }

  private to(state: State): void {
    this.progress.state = state;
    this.tell();
  }

  private tell(): void {
    let sent = this.doneBytes;
    for (const bytes of this.flying.values()) sent += bytes;
    this.progress.sentBytes = Math.min(sent, this.progress.bytes);
    this.changed(this.progress);
  }

  private go(): void {
    while (this.progress.state === "running" && this.flying.size < AT_ONCE && this.waiting.length) {
      const count = Math.min(fitting(this.waiting), this.halved);
      // While files are still looked at, a request waits until it is full.
      if (this.gathering && count === this.waiting.length && this.flying.size) break;
      this.send(this.waiting.splice(0, Math.max(1, count)));
    }
    if (!this.gathering && !this.waiting.length && !this.flying.size && this.progress.state === "running") this.to("done");
    else this.tell();
  }

  private send(some: Waiting[]): void {
    const boundary = `iryo-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    const parts: BlobPart[] = [];
    for (const one of some) parts.push(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, one.file, "\r\n");
    parts.push(`--${boundary}--\r\n`);
    const request = new XMLHttpRequest();
    this.flying.set(request, 0);
    request.open("POST", this.url);
    request.setRequestHeader("content-type", `multipart/related; type="application/dicom"; boundary=${boundary}`);
    request.setRequestHeader("accept", "application/dicom+json");
    request.setRequestHeader("x-iryo-csrf", token());
    request.upload.addEventListener("progress", (event) => {
      this.flying.set(request, event.loaded);
      this.tell();
    });
    request.addEventListener("loadend", () => {
      this.flying.delete(request);
      if (this.progress.state !== "cancelled") this.answered(some, request.status, request.responseText);
    });
    request.send(new Blob(parts));
  }

  private answered(some: Waiting[], status: number, text: string): void {
    const told = instances(text);
    if ([200, 202, 409].includes(status) && told) {
      const outcome = understood(some, told);
      this.progress.stored += outcome.stored;
      this.progress.failures.push(...outcome.failures);
      for (const study of outcome.studies) this.progress.studies.add(study);
      this.settled(some);
      if (this.progress.state === "away") this.progress.state = "running";
      this.go();
      return;
    }
    const tried = Math.max(...some.map((one) => one.tried));
    for (const one of some) one.tried += 1;
    switch (stepAfter(status, tried, some.length)) {
      case "again":
        this.waiting.unshift(...some);
        this.wait(pauseBefore(tried));
        return;
      case "signed out":
        this.waiting.unshift(...some);
        this.to("signed out");
        return;
      case "refused":
        this.waiting.unshift(...some);
        this.to("refused");
        return;
      case "halve":
        this.halved = Math.ceil(some.length / 2);
        this.waiting.unshift(...some);
        break;
      case "fail":
        for (const one of some) this.progress.failures.push({ path: one.path, reason: -status });
        this.settled(some);
    }
    this.go();
  }

  private settled(some: Waiting[]): void {
    for (const one of some) this.doneBytes += one.size;
  }

  private wait(milliseconds: number): void {
    if (this.progress.state === "running") {
      this.progress.retryAt = Date.now() + milliseconds;
      this.to("away");
      setTimeout(() => {
        if (this.progress.state === "away") {
          this.progress.state = "running";
          this.go();
        }
      }, milliseconds);
    }
  }
}

function instances(text: string): Record<string, { Value?: unknown[] }> | null {
  try {
    const found: unknown = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? (found as Record<string, never>) : null;
  } catch {
    return null;
  }
}
