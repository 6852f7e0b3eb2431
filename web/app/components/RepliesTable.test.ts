// The search behind a reply finds what was counted, and the figure "blocked" what it says.
import { expect, it } from "vitest";
import { BLOCKED_QUERY } from "~/util/blocked";
import { parseSearch } from "../../mock-api/search";
import { searchFor } from "./RepliesTable";

it("leaves out the expiry, which only repeats the last reply", () => {
  expect(searchFor({ provider: "orange", template_id: 7 })).toBe(
    "provider:orange template:7 kind:deferred,bounced,remote-bounce",
  );
  expect(searchFor({ provider: null, template_id: 7 })).toBe("template:7 kind:deferred,bounced,remote-bounce");
});

it("finds spam and not greylisting", () => {
  const finds = parseSearch(BLOCKED_QUERY);
  const event = (kind: string, category: string) =>
    finds({ id: "1", at: "2026-09-21T12:00:00Z", kind, attempt: { number: 1, category } } as never);
  expect(event("bounced", "spam-related")).toBe(true);
  expect(event("deferred", "greylisted")).toBe(false);
  expect(event("expired", "reputation")).toBe(false);
});
