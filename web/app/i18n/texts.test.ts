// Both languages say everything, with the same placeholders.
import { expect, it } from "vitest";
import { en } from "./en";
import { fr } from "./fr";

function flatten(texts: object, prefix = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === "string") out.set(prefix + key, value);
    else for (const [inner, text] of flatten(value as object, `${prefix}${key}.`)) out.set(inner, text);
  }
  return out;
}

const placeholders = (text: string) => [...text.matchAll(/\{\{\s*(\w+)/g)].map((match) => match[1]).sort();

it("has the same keys", () => {
  expect([...flatten(fr).keys()].sort()).toEqual([...flatten(en).keys()].sort());
});

it("has the same placeholders", () => {
  const french = flatten(fr);
  const differing = [...flatten(en)].filter(
    ([key, text]) => placeholders(text).join() !== placeholders(french.get(key) ?? "").join(),
  );
  expect(differing.map(([key]) => key)).toEqual([]);
});

it("is never empty", () => {
  for (const [key, text] of [...flatten(en), ...flatten(fr)]) expect(text.trim(), key).not.toBe("");
});
