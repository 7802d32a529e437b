// Brings frames into memory: those on the screen first and coarse, then around them.

import { Cache, type Sized } from "./cache";
import { type Client, Gone, NotAllowed, type Part } from "./client";
import { complete, cut, firstBytes, resolutions } from "./codestream";
import type { Attributes, Element } from "./dataset";
import { type Look, look } from "./described";
import type { Frame } from "./frames";
import type { Raster } from "./pixels";
import { type Pool, Undecodable } from "./pool";
import { fitting, interleaved, plan } from "./queue";
import { TABLE_TAGS, toBase64 } from "./tables";

export interface Loaded extends Sized {
  readonly frame: Frame;
  readonly look: Look;
  /** [0] is the frame, then smaller copies; of a coarse image it is a smaller resolution. */
  readonly levels: readonly Raster[];
  readonly full: boolean;
  /** The least and the greatest stored sample; of those whose file names a window, any. */
  readonly range: readonly [number, number];
}

export interface Counts {
  loaded: number;
  bytesLoaded: number;
  bytesDecompressed: number;
  cancelled: number;
}

export interface Events {
  /** A frame has come (coarse or in full), or will not. */
  changed(frame: Frame): void;
  gone(seriesUid: string): void;
  notAllowed(): void;
}

/** Requests at once: one less than the connections that a browser opens to a server. */
const SLOTS = 5;

export class Loader {
  readonly counts: Counts = { loaded: 0, bytesLoaded: 0, bytesDecompressed: 0, cancelled: 0 };
  readonly failures = new Map<string, string>();
  private readonly cache: Cache<Loaded>;
  private readonly coarse = new Map<string, Loaded>();
  private readonly running = new Map<string, AbortController>();
  private readonly times = new Map<string, number>();
  private readonly lost = new Set<string>();
  /** What was refused to who is not signed in (any more). */
  private readonly refused = new Set<string>();
  private wanted: Frame[] = [];
  private wantedKeys = new Set<string>();
  private urgent = 0;
  /** What is wanted although it is not on the screen, such as the slices of a volume. */
  private readonly extra = new Map<string, Frame>();
  private asked = 0;
  private orders: readonly (readonly Frame[])[] = [];

  constructor(
    private readonly client: Client,
    private readonly pool: Pool,
    limit: number,
    private readonly events: Events,
  ) {
    this.cache = new Cache(limit);
  }

  get cachedBytes(): number {
    return this.cache.bytes;
  }

  get cachedFrames(): number {
    return this.cache.count;
  }

  /** What there is of a frame, all of it or a coarse image. */
  get(frame: Frame): Loaded | undefined {
    return this.cache.get(frame.key) ?? this.coarse.get(frame.key);
  }

  isFull(frame: Frame): boolean {
    return this.cache.has(frame.key);
  }

  /** Milliseconds from asking for a frame to having it decoded. */
  took(frame: Frame): number | undefined {
    return this.times.get(frame.key);
  }

  /** Say what is wanted: for each viewport an order that begins with what it shows. */
  want(orders: readonly (readonly Frame[])[]): void {
    const extra = [...this.extra.values()].filter((frame) => !this.cache.has(frame.key));
    const all = interleaved([...orders, extra]);
    const shown = new Set(orders.map((order) => order[0]));
    this.orders = orders;
    // A part of the memory is left to what was seen before.
    this.wanted = fitting(all, (frame) => frame.bytes, this.cache.limit * 0.8);
    this.wantedKeys = new Set(this.wanted.map((frame) => frame.key));
    this.urgent = shown.size;
    for (const key of this.coarse.keys()) if (!this.wantedKeys.has(key)) this.coarse.delete(key);
    this.pump();
  }

  /** Fetch a frame that no viewport shows: after what they do. */
  alsoWant(frame: Frame): void {
    if (this.cache.has(frame.key)) return;
    this.extra.set(frame.key, frame);
    // A volume is asked for slice by slice: they are looked at together.
    this.asked ||= setTimeout(() => {
      this.asked = 0;
      this.want(this.orders);
    }) as unknown as number;
  }

  /** Somebody may have signed in again: ask for what was refused. */
  resume(): void {
    if (this.refused.size === 0) return;
    this.refused.clear();
    this.pump();
  }

  private pump(): void {
    const missing = this.wanted.filter((frame) => !this.cache.has(frame.key) && !this.failures.has(frame.key) && !this.refused.has(frame.key) && !this.lost.has(frame.seriesUid));
    const urgent = new Set(this.wanted.slice(0, this.urgent).map((frame) => frame.key));
    const keys = missing.map((frame) => frame.key);
    const next = plan(keys, new Set(this.running.keys()), keys.filter((key) => urgent.has(key)).length, SLOTS);
    for (const key of next.cancel) {
      this.running.get(key)?.abort();
      this.running.delete(key);
      this.counts.cancelled += 1;
    }
    const byKey = new Map(missing.map((frame) => [frame.key, frame]));
    for (const key of next.start) void this.run(byKey.get(key)!, urgent.has(key));
  }

  private async run(frame: Frame, urgent: boolean): Promise<void> {
    const control = new AbortController();
    this.running.set(frame.key, control);
    const began = performance.now();
    try {
      await this.bulk(frame.instance, control.signal);
      const part = await this.fetch(frame, urgent, control.signal);
      const loaded = await this.decode(frame, part, 0, control.signal, urgent);
      this.times.set(frame.key, performance.now() - began);
      this.counts.loaded += 1;
      this.coarse.delete(frame.key);
      this.extra.delete(frame.key);
      this.cache.put(frame.key, loaded, this.wantedKeys);
      this.events.changed(frame);
    } catch (error) {
      if (!control.signal.aborted) await this.failed(frame, error);
    } finally {
      if (this.running.get(frame.key) === control) this.running.delete(frame.key);
      this.pump();
    }
  }

  /** All bytes of a frame; of an urgent one the beginning first, and a coarse image of that. */
  private async fetch(frame: Frame, urgent: boolean, signal: AbortSignal): Promise<Part> {
    const ask = async (from: number, to?: number): Promise<Part> => {
      const part = await this.client.frame(frame, signal, from, to);
      this.counts.bytesLoaded += part.bytes.length;
      return part;
    };
    if (!urgent) return ask(0);
    const pixels = frame.columns * frame.rows;
    const first = await ask(0, firstBytes(pixels, frame.bytes / pixels));
    if (first.bytes.length >= first.total) return first;
    const found = complete(resolutions(first.bytes), first.bytes.length);
    const rest = ask(first.bytes.length);
    if (found && found.level > 0) {
      const small = { ...first, bytes: cut(first.bytes, found.end) };
      this.decode(frame, small, found.level, signal, true).then((loaded) => {
        if (this.cache.has(frame.key) || !this.wantedKeys.has(frame.key)) return;
        this.coarse.set(frame.key, loaded);
        this.events.changed(frame);
      }, () => undefined); // what is wrong with the frame will show when all of it is there
    }
    const { bytes } = await rest;
    const whole = new Uint8Array(first.bytes.length + bytes.length);
    whole.set(first.bytes);
    whole.set(bytes, first.bytes.length);
    return { ...first, bytes: whole };
  }

  private async decode(frame: Frame, part: Part, level: number, signal: AbortSignal, urgent: boolean): Promise<Loaded> {
    const how = look(frame.instance, frame.frame);
    const ranged = how.windows.length === 0 && how.tables.length === 0; // else the file says what is seen
    const form = part.type === "application/octet-stream" ? "native" : "htj2k";
    const { levels, range } = await this.pool.decode({ bytes: part.bytes, form, stored: how.stored, level, ranged, padding: how.padding }, signal, urgent);
    const bytes = levels.reduce((sum, one) => sum + one.data.byteLength, 0);
    if (level === 0) this.counts.bytesDecompressed += levels[0]!.data.byteLength;
    return { frame, look: how, levels, full: level === 0, range, bytes };
  }

  /** Tables of the header that are too long to stand in it. */
  private async bulk(instance: Attributes, signal: AbortSignal): Promise<void> {
    for (const [tag, element] of Object.entries(instance)) {
      if (!element) continue;
      if (element.BulkDataURI && TABLE_TAGS.has(tag)) {
        const bytes = await this.client.bulk(element.BulkDataURI, signal);
        (instance as Record<string, Element>)[tag] = { vr: element.vr, InlineBinary: toBase64(bytes) };
      } else if (tag === "00283000" || tag === "00283010") {
        for (const item of element.Value ?? []) await this.bulk(item as Attributes, signal);
      }
    }
  }

  private async failed(frame: Frame, error: unknown): Promise<void> {
    if (error instanceof NotAllowed) {
      this.refused.add(frame.key);
      this.events.notAllowed();
      return;
    }
    if (error instanceof Gone && !(await this.client.has(frame.studyUid, frame.seriesUid).catch(() => true))) {
      this.deleted(frame.seriesUid);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.failures.set(frame.key, error instanceof Undecodable ? reason : `HTTP ${reason}`);
    this.events.changed(frame);
  }

  /** A series is no more: what there is of it is kept, and no more is asked for. */
  deleted(seriesUid: string): void {
    if (this.lost.has(seriesUid)) return;
    this.lost.add(seriesUid);
    this.events.gone(seriesUid);
  }

  isDeleted(seriesUid: string): boolean {
    return this.lost.has(seriesUid);
  }
}
