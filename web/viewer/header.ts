// All elements of an instance, with their names and values, and a search over them.

import { text } from "../shell/text";
import type { Attributes, Element } from "./dataset";
import { visible } from "./names";

export interface Row {
  readonly depth: number;
  readonly tag: string;
  readonly vr: string;
  readonly name: string;
  readonly value: string;
}

/** Names of elements by tag, such as "PatientName". */
export type Dictionary = Readonly<Record<string, string>>;

/** Characters of a value that are shown; the whole of it is there when it is copied from the file. */
const LONGEST = 400;
/** Rows that are drawn at once: per-frame groups have hundreds of thousands. */
const MOST = 2000;

function valueOf(element: Element): string {
  if (element.BulkDataURI !== undefined) return text("binary, stored apart");
  if (element.InlineBinary !== undefined) return text("binary, {count} bytes", { count: Math.floor((element.InlineBinary.length * 3) / 4) });
  const values = (element.Value ?? []).map((value) => {
    if (value === null) return "";
    if (typeof value === "object") return Object.values(value as Record<string, unknown>).join(" = ");
    return String(value);
  });
  const joined = values.join("\\");
  return visible(joined.length > LONGEST ? `${joined.slice(0, LONGEST)}…` : joined);
}

/** All elements in order, items of sequences below theirs. */
export function* rows(of: Attributes, names: Dictionary, depth = 0): Generator<Row> {
  for (const tag of Object.keys(of).sort()) {
    const element = of[tag]!;
    const name = names[tag] ?? (parseInt(tag.slice(0, 4), 16) % 2 ? text("private") : "");
    const said = `(${tag.slice(0, 4)},${tag.slice(4)})`;
    if (element.vr !== "SQ") {
      yield { depth, tag: said, vr: element.vr, name, value: valueOf(element) };
      continue;
    }
    const items = (element.Value ?? []) as Attributes[];
    yield { depth, tag: said, vr: "SQ", name, value: text("{count} items", { count: items.length }) };
    for (const [number, item] of items.entries()) {
      if (items.length > 1) yield { depth: depth + 1, tag: "", vr: "", name: `${number + 1}`, value: "" };
      yield* rows(item ?? {}, names, depth + 1);
    }
  }
}

/** Rows that have each of the words, in whatever column. */
export function matching(all: Iterable<Row>, search: string, most: number): Row[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Row[] = [];
  for (const row of all) {
    const line = `${row.tag} ${row.name} ${row.vr} ${row.value}`.toLowerCase();
    const plain = row.tag.replace(/[(),]/g, "").toLowerCase();
    if (words.every((word) => line.includes(word) || plain.includes(word))) found.push(row);
    if (found.length >= most) break;
  }
  return found;
}

export class HeaderPanel {
  readonly element = document.createElement("div");
  private readonly search = document.createElement("input");
  private readonly table = document.createElement("table");
  private readonly count = document.createElement("p");
  private names: Dictionary | null = null;
  private instance: Attributes | null = null;

  constructor(private readonly dictionary: () => Promise<Dictionary>) {
    this.element.className = "header-panel";
    Object.assign(this.search, { type: "search", placeholder: text("Search the header"), autocomplete: "off", spellcheck: false });
    this.search.setAttribute("aria-label", text("Search the header"));
    this.search.addEventListener("input", () => this.draw());
    this.count.className = "header-count";
    this.count.setAttribute("role", "status");
    this.table.className = "header-table";
    const scroll = document.createElement("div");
    scroll.className = "header-scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", text("Elements of the header"));
    scroll.append(this.table);
    this.element.append(this.search, this.count, scroll);
  }

  async show(instance: Attributes | null): Promise<void> {
    if (instance === this.instance && this.names) return;
    this.instance = instance;
    this.names ??= await this.dictionary().catch(() => ({}));
    if (this.instance === instance) this.draw();
  }

  focus(): void {
    this.search.focus();
  }

  private draw(): void {
    const found = this.instance ? matching(rows(this.instance, this.names ?? {}), this.search.value, MOST) : [];
    this.table.replaceChildren(...found.map(drawn));
    this.count.textContent = found.length >= MOST ? text("The first {count} elements; search for others.", { count: MOST }) : text("{count} elements", { count: found.length });
  }
}

function drawn(row: Row): HTMLElement {
  const line = document.createElement("tr");
  line.dataset["depth"] = String(Math.min(row.depth, 6));
  for (const value of [row.tag, row.name, row.vr, row.value]) {
    const cell = document.createElement("td");
    cell.append(Object.assign(document.createElement("bdi"), { textContent: value }));
    line.append(cell);
  }
  return line;
}
