// A first look at an e-mail address while typing. The program has the last word (`mail::address`).
export function looksLikeAddress(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text.trim());
}

/** Addresses in a text, separated by commas, semicolons, spaces or lines. */
export function splitAddresses(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}
