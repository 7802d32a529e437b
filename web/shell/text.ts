// Texts in the reader's language. The English text is the key; the page carries the translations of
// what TypeScript says (see pages/languages.py), by the folder that says it.

const found = globalThis.document?.getElementById("iryo-texts")?.textContent; // tests have no document
const texts: Record<string, string> = found
  ? Object.assign({}, ...Object.values(JSON.parse(found) as Record<string, Record<string, string>>))
  : {};

/** A text in the reader's language; `{name}` stands for a value. */
export function text(english: string, values: Record<string, string | number> = {}): string {
  return (texts[english] ?? english).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
