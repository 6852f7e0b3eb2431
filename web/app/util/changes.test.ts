import { expect, it } from "vitest";
import { changesOf, clashesOf, withChanges } from "./changes";

const base = { subject: "A", body: "", lists: ["1"], fields: { city: "Lyon", tier: null as string | null } };

it("tells what was changed, and nothing else", () => {
  expect(changesOf(base, structuredClone(base))).toEqual({});
  expect(changesOf(base, { ...base, subject: "B" })).toEqual({ subject: "B" });
  expect(changesOf(base, { ...base, lists: ["1", "2"] })).toEqual({ lists: ["1", "2"] });
  expect(changesOf(base, { ...base, fields: { city: "Lyon", tier: "gold" } })).toEqual({ fields: { tier: "gold" } });
});

it("puts changes on top of what somebody else saved", () => {
  const theirs = { ...base, body: "whole", fields: { city: "Metz", tier: null } };
  const mine = changesOf(base, { ...base, subject: "B", fields: { city: "Lyon", tier: "gold" } });
  const both = { ...base, subject: "B", body: "whole", fields: { city: "Metz", tier: "gold" } };
  expect(withChanges(theirs, mine)).toEqual(both);
});

it("names what both changed", () => {
  const mine = { ...base, subject: "B", fields: { city: "Lyon", tier: "gold" } };
  expect(clashesOf(base, mine, { ...base, body: "whole" })).toEqual([]);
  expect(clashesOf(base, mine, { ...base, subject: "C" })).toEqual(["subject"]);
  expect(clashesOf(base, mine, { ...base, subject: "B" })).toEqual([]);
  expect(clashesOf(base, mine, { ...base, fields: { city: "Metz", tier: "tin" } })).toEqual(["fields.tier"]);
});
