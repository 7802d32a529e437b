// Decoded frames, bounded by bytes.

export interface Sized {
  readonly bytes: number;
}

/** Keeps what was used last, and above all what is wanted. */
export class Cache<T extends Sized> {
  /** In the order of use, the oldest first: a Map keeps the order of insertion. */
  private readonly held = new Map<string, T>();
  private total = 0;

  constructor(readonly limit: number) {}

  get bytes(): number {
    return this.total;
  }

  get count(): number {
    return this.held.size;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  get(key: string): T | undefined {
    const found = this.held.get(key);
    if (found) {
      this.held.delete(key);
      this.held.set(key, found);
    }
    return found;
  }

  /**
   * Put one in, and let others go until all fit: first what is not wanted, the longest unused
   * first. One that alone is greater than the limit is kept as long as it is the only one.
   */
  put(key: string, value: T, wanted: ReadonlySet<string>): void {
    this.drop(key);
    this.held.set(key, value);
    this.total += value.bytes;
    for (const spare of [true, false]) {
      for (const [other, old] of this.held) {
        if (this.total <= this.limit) return;
        if (other === key || (spare && wanted.has(other))) continue;
        this.held.delete(other);
        this.total -= old.bytes;
      }
    }
  }

  drop(key: string): void {
    const old = this.held.get(key);
    if (!old) return;
    this.held.delete(key);
    this.total -= old.bytes;
  }
}
