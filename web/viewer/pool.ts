// Workers that decode: as many as leave a processor to the page.

import type { Outcome, Setup, Task } from "./tasks";

export type Decoded = Extract<Outcome, { levels: unknown }>;

/** A frame whose bytes have come and cannot be decoded. */
export class Undecodable extends Error {}

interface Waiting {
  readonly task: Omit<Task, "id">;
  readonly signal: AbortSignal;
  readonly done: (outcome: Decoded) => void;
  readonly failed: (reason: unknown) => void;
}

export class Pool {
  private readonly idle: Worker[] = [];
  private readonly waiting: Waiting[] = [];
  private next = 1;

  constructor(url: string, setup: Setup, count = Math.max(1, Math.min(navigator.hardwareConcurrency - 1, 6))) {
    for (let number = 0; number < count; number++) {
      const worker = new Worker(url, { type: "module" });
      worker.postMessage(setup);
      this.idle.push(worker);
    }
  }

  /** Decode; what is urgent goes before all that waits. The bytes are given away. */
  decode(task: Omit<Task, "id">, signal: AbortSignal, urgent: boolean): Promise<Decoded> {
    return new Promise((done, failed) => {
      const waiting = { task, signal, done, failed };
      if (urgent) this.waiting.unshift(waiting);
      else this.waiting.push(waiting);
      this.pump();
    });
  }

  private pump(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const waiting = this.waiting.shift()!;
      if (waiting.signal.aborted) waiting.failed(waiting.signal.reason);
      else this.give(this.idle.pop()!, waiting);
    }
  }

  private give(worker: Worker, { task, done, failed }: Waiting): void {
    const finish = (outcome: Outcome): void => {
      worker.onmessage = worker.onerror = null;
      this.idle.push(worker);
      if ("levels" in outcome) done(outcome);
      else failed(new Undecodable(outcome.failure));
      this.pump();
    };
    const id = this.next++;
    worker.onmessage = (event: MessageEvent<Outcome>) => finish(event.data);
    worker.onerror = (event) => finish({ id, failure: event.message || "the decoder did not start" });
    const bytes = task.bytes;
    worker.postMessage({ ...task, id } satisfies Task, bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : []);
  }
}
