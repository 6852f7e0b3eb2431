// Filters of the queue as people type them, `domain:gmail.com older:2h`: taken apart for chips and orders. What a term means
// and whether a value fits is the program's to say.
import type { QueueFilter } from "~/api/types";

/** Terms of a filter that can be clicked together; the program knows more of each. */
export const FILTER_TERMS = [
  "address",
  "domain",
  "provider",
  "campaign",
  "tenant",
  "stream",
  "job",
  "message",
  "recipient",
  "pool",
  "source",
  "site",
  "state",
  "category",
  "older",
  "attempts",
] as const;

export interface FilterTerm {
  term: string;
  value: string;
}

/** The words of a filter; one without a colon has no value. */
export function termsOf(filter: string): FilterTerm[] {
  return filter
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const at = word.search(/[:=]/);
      return at < 0 ? { term: word, value: "" } : { term: word.slice(0, at), value: word.slice(at + 1) };
    });
}

const textOf = (terms: FilterTerm[]) => terms.map(({ term, value }) => (value ? `${term}:${value}` : term)).join(" ");

/** The filter with this term; a value that the term had before gives way. */
export function withTerm(filter: string, term: string, value: string): string {
  return textOf([...termsOf(filter).filter((other) => other.term !== term), { term, value }]);
}

export function withoutTerm(filter: string, term: string): string {
  return textOf(termsOf(filter).filter((other) => other.term !== term));
}

/** The filter as an order carries it. */
export function filterOf(filter: string): QueueFilter {
  const entries = termsOf(filter).map(({ term, value }) => {
    if (term === "recipient") return [term, value.split(",")];
    if (term === "attempts") return [term, Number(value)];
    return [term, value];
  });
  return Object.fromEntries(entries) as QueueFilter;
}
