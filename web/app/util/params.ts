// Reads values of the address bar; what does not fit is left out, never an error.

export function oneOf<T extends string>(value: unknown, options: readonly T[]): T | undefined {
  return options.find((option) => option === value);
}

export function numberOf(value: unknown, options: readonly number[]): number | undefined {
  const number = Number(value);
  return options.find((option) => option === number);
}

/** A text that is not empty. The router reads bare numbers as numbers; a search for `421` stays a text. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}
