// What somebody typed into the quick search: an id, an address or a search.
export interface QuickTarget {
  kind: "id" | "address" | "search";
  text: string;
}

/** Thirteen letters of Crockford's base 32, as ids are written (see `model::id`). */
const ID = /^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$/i;

export function classify(input: string): QuickTarget | null {
  const text = input.trim();
  if (text === "") return null;
  if (ID.test(text)) return { kind: "id", text: text.toLowerCase() };
  if (/^[^\s:"@]+@[^\s:"@]+$/.test(text)) return { kind: "address", text };
  return { kind: "search", text };
}
