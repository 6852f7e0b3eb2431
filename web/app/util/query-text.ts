// Adds and excludes terms in the text of a search. The language itself is read by `monitor::search`.

/** A value as it must be written: in quotes when it has blanks, quotes or signs of the language. */
export function quoteValue(value: string): string {
  const flat = value.replaceAll("\n", " ");
  if (flat !== "" && /^[^\s"(),:=<>*]+$/.test(flat) && !flat.startsWith("-")) return flat;
  return `"${flat.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

export function termOf(field: string, value: string): string {
  return `${field}:${quoteValue(value)}`;
}

/** The search with this term; its opposite is taken out, and it never stands there twice. */
export function withTerm(query: string, field: string, value: string, exclude: boolean): string {
  const term = termOf(field, value);
  const wanted = exclude ? `-${term}` : term;
  const parts = splitTerms(query).filter((part) => part !== term && part !== `-${term}`);
  return [...parts, wanted].join(" ");
}

/** Terms at the blanks outside of quotes and parentheses. */
export function splitTerms(query: string): string[] {
  const parts: string[] = [];
  let current = "";
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < query.length; at += 1) {
    const letter = query[at] ?? "";
    if (letter === "\\" && quoted) {
      current += letter + (query[at + 1] ?? "");
      at += 1;
      continue;
    }
    if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === "(") depth += 1;
    else if (!quoted && letter === ")") depth = Math.max(0, depth - 1);
    if (/\s/.test(letter) && !quoted && depth === 0) {
      if (current) parts.push(current);
      current = "";
    } else {
      current += letter;
    }
  }
  if (current) parts.push(current);
  return parts;
}

/** Cuts a text at character positions as the program counts them (characters, not UTF-16 units). */
export function markAt(
  text: string,
  position: number,
  length: number,
): { before: string; marked: string; after: string } {
  const characters = [...text];
  const end = position + Math.max(length, 1);
  return {
    before: characters.slice(0, position).join(""),
    marked: characters.slice(position, end).join(""),
    after: characters.slice(end).join(""),
  };
}
