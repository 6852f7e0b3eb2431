// A small part of the search language of `monitor::search`, enough for the UI: words, fields, `-`, quotes, OR, comparisons.
import type { MailEvent, SearchHint } from "../app/api/types";
import { fieldsOf } from "../app/util/event-fields";
import { splitTerms } from "../app/util/query-text";
import { Refusal } from "./http";

const ALIASES: Record<string, string> = {
  to: "address",
  status: "kind",
  queued: "queued_ms",
  size: "size_bytes",
  vmta: "source",
  text: "reply",
};
const FIELDS = [
  "kind",
  "address",
  "domain",
  "provider",
  "source",
  "site",
  "mx_host",
  "mx_address",
  "source_address",
  "phase",
  "code",
  "enhanced",
  "reply",
  "error",
  "category",
  "family",
  "scope",
  "suppress",
  "attempt",
  "tls",
  "queued_ms",
  "connect_ms",
  "tls_ms",
  "transaction_ms",
  "size_bytes",
  "campaign",
  "message",
  "recipient",
  "contact",
  "list",
  "stream",
  "tenant",
  "job",
  "sender",
  "report",
  "reporter",
  "link",
  "url",
  "client",
  "user_agent",
  "method",
  "target",
  "target_name",
  "action",
  "by",
  "note",
  "template",
];
const REPUTATION = ["greylisted", "invalid-sender", "rate-limited", "reputation", "too-many-recipients"];

type Test = (values: Map<string, string>) => boolean;

function fail(query: string, term: string, message: string, word: string, suggestion?: string): never {
  const position = [...query.slice(0, query.indexOf(term) + term.indexOf(word))].length;
  throw new Refusal(400, "invalid", message, {
    field: "q",
    position,
    length: [...word].length,
    ...(suggestion ? { suggestion } : {}),
  });
}

/** The letters of a word in order: a swapped pair of letters gives the same. */
function sorted(word: string): string {
  return [...word].sort().join("");
}

function amount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|kB|MB)?$/.exec(text);
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, kB: 1024, MB: 1_048_576 }[match?.[2] ?? ""] ?? 1;
  return Number(match?.[1] ?? Number.NaN) * factor;
}

function termTest(query: string, term: string): Test {
  if (term.startsWith("-") && term.length > 1) {
    const inner = termTest(query, term.slice(1));
    return (values) => !inner(values);
  }
  if ((term.match(/(?<!\\)"/g) ?? []).length % 2 === 1)
    fail(query, term, "this quotation mark is never closed", term.slice(term.indexOf('"')));
  const field = /^([a-z][\w-]*)(:|=|>=|<=|>|<)(.*)$/i.exec(term);
  if (!field) {
    const word = term.replace(/^"|"$/g, "").toLowerCase();
    return (values) =>
      ["reply", "error", "note", "address", "message", "recipient", "code", "enhanced"].some((name) =>
        (values.get(name) ?? "").toLowerCase().includes(word),
      );
  }
  const [, typed = "", op = ":", rest = ""] = field;
  const name = ALIASES[typed.toLowerCase()] ?? typed.toLowerCase();
  if (!FIELDS.includes(name)) {
    const near = FIELDS.find((known) => sorted(known) === sorted(name) || known.startsWith(name.slice(0, 3)));
    fail(query, term, `there is no field ${typed}`, typed, near);
  }
  if (rest === "") fail(query, term, "a value is missing here", op);
  if (op !== ":" && op !== "=") {
    const limit = amount(rest);
    return (values) => {
      const value = Number(values.get(name) ?? Number.NaN);
      return op === ">" ? value > limit : op === ">=" ? value >= limit : op === "<" ? value < limit : value <= limit;
    };
  }
  const wanted = rest.startsWith('"') ? [rest.slice(1, -1).replaceAll('\\"', '"')] : rest.split(",");
  return (values) => wanted.some((value) => matches(values, name, value.toLowerCase()));
}

function matches(values: Map<string, string>, name: string, wanted: string): boolean {
  if (name === "family") return wanted === "reputation" && REPUTATION.includes(values.get("category") ?? "");
  if (name === "template") return values.get("kind") === "deferred" || values.get("kind") === "bounced";
  if (name === "domain") return (values.get("address") ?? "").endsWith(`@${wanted}`);
  const value = values.get(name)?.replaceAll("\n", " ").toLowerCase();
  if (value === undefined) return false;
  if (wanted === "*") return true;
  if (wanted.endsWith("*")) return value.startsWith(wanted.slice(0, -1));
  return ["reply", "error", "note", "address"].includes(name) ? value.includes(wanted) : value === wanted;
}

/** Values that the mock knows, of the fields that a search cannot refuse. */
function knownValues(events: MailEvent[], field: "provider" | "source"): string[] {
  return [...new Set(events.flatMap((event) => event[field] ?? []))].sort();
}

/** Values that nobody knows, with the one that has the same letters or the same beginning. */
export function hintsOf(query: string, events: MailEvent[]): SearchHint[] {
  const named = [...query.matchAll(/(provider|source|vmta)[:=]([\w.-]+)(?![\w.*-])/g)];
  return named.flatMap((match): SearchHint[] => {
    const [whole, name = "", value = ""] = match;
    const field = name === "provider" ? "provider" : "source";
    const known = knownValues(events, field);
    if (known.includes(value)) return [];
    const near = known.find((entry) => sorted(entry) === sorted(value) || entry.startsWith(value.slice(0, 3)));
    const position = [...query.slice(0, match.index + whole.length - value.length)].length;
    const more = near ? `did you mean ${near}?` : `there are ${known.slice(0, 8).join(", ")}`;
    const message = `no ${field} is called ${value}; ${more}`;
    return [
      { position, length: value.length, field, value, suggestion: near ?? null, known: known.slice(0, 8), message },
    ];
  });
}

export function parseSearch(query: string): (event: MailEvent) => boolean {
  const groups: Test[][] = [[]];
  for (const term of splitTerms(query)) {
    if (term === "OR" || term === "or") groups.push([]);
    else groups[groups.length - 1]?.push(termTest(query, term));
  }
  return (event) => {
    const values = new Map(fieldsOf(event).map((entry) => [entry.field, entry.value]));
    return groups.some((tests) => tests.every((test) => test(values)));
  };
}
