// The mock behaves like the contract where tests rely on it.
import { expect, it } from "vitest";
import { makeDb } from "./db";
import { compile, match } from "./http";
import { parseSearch } from "./search";
import { step } from "./simulate";

it("is the same at every start", () => {
  expect(makeDb(7).contacts.map((contact) => contact.address)).toEqual(
    makeDb(7).contacts.map((contact) => contact.address),
  );
});

it("moves the sending campaign, and counts every recipient once", () => {
  const db = makeDb(7);
  const campaign = db.campaigns.find((entry) => entry.state === "sending");
  const before = campaign?.counts?.delivered ?? 0;
  for (let second = 0; second < 20; second += 1) step(db);
  const counts = campaign?.counts;
  expect(counts?.delivered).toBeGreaterThan(before);
  expect(
    (counts?.delivered ?? 0) +
      (counts?.bounced ?? 0) +
      (counts?.expired ?? 0) +
      (counts?.suppressed ?? 0) +
      (counts?.queued ?? 0),
  ).toBe(counts?.handed_over);
});

it("matches routes with names in them", () => {
  const routes = compile({ "GET /queues/paths/:source/:site": () => ({}) });
  expect(match(routes, "GET", "/queues/paths/mkt-1/smtp-in.orange.fr")?.params).toEqual({
    source: "mkt-1",
    site: "smtp-in.orange.fr",
  });
  expect(match(routes, "POST", "/queues/paths/a/b")).toBeNull();
});

it("names the character of a wrong search", () => {
  const refuse = (query: string) => {
    try {
      parseSearch(query);
    } catch (error) {
      return (error as { body: { error: unknown } }).body.error;
    }
    return null;
  };
  expect(refuse("x kidn:deferred")).toMatchObject({ position: 2, length: 4, suggestion: "kind" });
  expect(refuse('reply:"open')).toMatchObject({ position: 6 });
});
