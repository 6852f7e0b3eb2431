import { describe, expect, it } from "vitest";
import { markAt, quoteValue, splitTerms, withTerm } from "./query-text";

describe("terms", () => {
  it.each([
    ["provider:gmail kind:deferred", ["provider:gmail", "kind:deferred"]],
    ['"unusual rate"  -source:ip-3', ['"unusual rate"', "-source:ip-3"]],
    ["(a OR b) c", ["(a OR b)", "c"]],
    ['reply:"say \\"no\\" now" x', ['reply:"say \\"no\\" now"', "x"]],
    ["  ", []],
  ])("%s", (query, parts) => expect(splitTerms(query)).toEqual(parts));
});

describe("values", () => {
  it.each([
    ["gmail", "gmail"],
    ["zoe@example.fr", "zoe@example.fr"],
    ["unusual rate", '"unusual rate"'],
    ["421: no", '"421: no"'],
    ["-odd", '"-odd"'],
    ['say "no"', '"say \\"no\\""'],
    ["two\nlines", '"two lines"'],
  ])("%s", (value, written) => expect(quoteValue(value)).toBe(written));
});

describe("refining", () => {
  it("adds a term", () =>
    expect(withTerm("kind:deferred", "provider", "gmail", false)).toBe("kind:deferred provider:gmail"));
  it("excludes a value", () =>
    expect(withTerm("kind:deferred", "provider", "gmail", true)).toBe("kind:deferred -provider:gmail"));
  it("replaces its opposite", () =>
    expect(withTerm("-provider:gmail x", "provider", "gmail", false)).toBe("x provider:gmail"));
  it("never stands there twice", () =>
    expect(withTerm("provider:gmail", "provider", "gmail", false)).toBe("provider:gmail"));
});

it("marks by characters, not by UTF-16 units", () => {
  expect(markAt("😀 kidn:x", 2, 4)).toEqual({ before: "😀 ", marked: "kidn", after: ":x" });
  expect(markAt("abc", 3, 0)).toEqual({ before: "abc", marked: "", after: "" });
});
