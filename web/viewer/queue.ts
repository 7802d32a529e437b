// What is fetched next, and what no more: decided here, carried out by the loader.

/** The order in which the frames of a stack are wanted: the shown one, then around it, ahead first. */
export function around(count: number, current: number, direction: 1 | -1, limit = Infinity): number[] {
  const order = [current];
  let ahead = current + direction;
  let behind = current - direction;
  const inside = (index: number): boolean => index >= 0 && index < count;
  while (order.length < limit && (inside(ahead) || inside(behind))) {
    // Two in the direction of scrolling for one behind: people turn round, but seldom.
    for (let step = 0; step < 2 && inside(ahead); step++, ahead += direction) order.push(ahead);
    if (inside(behind)) order.push(behind);
    behind -= direction;
  }
  return order.slice(0, limit);
}

/** Several orders as one: the first of each, the second of each, ...; each value once. */
export function interleaved<T>(orders: readonly (readonly T[])[]): T[] {
  const found = new Set<T>();
  const longest = Math.max(0, ...orders.map((order) => order.length));
  for (let at = 0; at < longest; at++) {
    for (const order of orders) if (at < order.length) found.add(order[at]!);
  }
  return [...found];
}

/** Some of an order, up to as many bytes as the cache may hold. */
export function fitting<T>(order: readonly T[], size: (one: T) => number, bytes: number): T[] {
  let sum = 0;
  const found: T[] = [];
  for (const one of order) {
    sum += size(one);
    if (sum > bytes && found.length > 0) break;
    found.push(one);
  }
  return found;
}

export interface Plan<T> {
  readonly start: readonly T[];
  readonly cancel: readonly T[];
}

/**
 * What to begin and what to give up.
 *
 * @param wanted what is missing, the most urgent first
 * @param running what is being fetched
 * @param urgent how many at the head of `wanted` are on the screen
 * @param slots how many run at once; browsers open six connections to a server
 */
export function plan<T>(wanted: readonly T[], running: ReadonlySet<T>, urgent: number, slots: number): Plan<T> {
  const place = new Map(wanted.map((one, index) => [one, index]));
  // What is no longer wanted makes way. What is wanted, though late, is half there: it goes on.
  const cancel = [...running].filter((one) => !place.has(one));
  const left = [...running].filter((one) => place.has(one)).sort((a, b) => place.get(b)! - place.get(a)!);
  const start: T[] = [];
  for (const [index, one] of wanted.entries()) {
    // As long as something on the screen is missing nothing else begins: it would take the network
    // and the processors away from it.
    if (urgent > 0 && index >= urgent) break;
    if (running.has(one)) continue;
    if (left.length + start.length < slots) start.push(one);
    else if (index < urgent && left.length > 0 && place.get(left[0]!)! >= urgent) {
      cancel.push(left.shift()!);
      start.push(one);
    } else break;
  }
  return { start, cancel };
}
