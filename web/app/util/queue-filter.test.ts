// Filters of the queue, taken apart and put together.
import { expect, test } from "vitest";
import { filterOf, termsOf, withoutTerm, withTerm } from "./queue-filter";

test("words become terms", () => {
  expect(termsOf("  domain:gmail.com tenant=shop  loose ")).toEqual([
    { term: "domain", value: "gmail.com" },
    { term: "tenant", value: "shop" },
    { term: "loose", value: "" },
  ]);
  expect(termsOf("before:2026-09-21T14:00:00Z")).toEqual([{ term: "before", value: "2026-09-21T14:00:00Z" }]);
});

test("a term stands there once", () => {
  expect(withTerm("domain:a.example tenant:shop", "domain", "b.example")).toBe("tenant:shop domain:b.example");
  expect(withoutTerm("domain:a.example tenant:shop", "domain")).toBe("tenant:shop");
  expect(withTerm("", "state", "held")).toBe("state:held");
});

test("an order carries the terms as an object", () => {
  expect(filterOf("recipient:a,b attempts:3 older:2h")).toEqual({ recipient: ["a", "b"], attempts: 3, older: "2h" });
  expect(filterOf("")).toEqual({});
});
