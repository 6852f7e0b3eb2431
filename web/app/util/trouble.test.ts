import { expect, it } from "vitest";
import type { QueuePath, Rate, Trouble } from "~/api/types";
import { apartOf, linesOf, searchOf } from "./trouble";

const share = (hits: number, n: number): Rate => {
  const rate = n > 0 ? hits / n : 0;
  const half = n > 0 ? 1.96 * Math.sqrt((rate * (1 - rate)) / n) + 1 / n : 1;
  return { hits, n, rate, low: Math.max(0, rate - half), high: Math.min(1, rate + half) };
};

function told(provider: string, attempts: number, deferred: number, bounced = 0, more: Partial<Trouble> = {}): Trouble {
  return {
    provider,
    about: "us",
    deferred: share(deferred, attempts),
    bounced: share(bounced, attempts),
    categories: [],
    reply: null,
    now: true,
    last_seen: "2026-11-23T12:00:00Z",
    waiting: 0,
    next_attempt: null,
    ...more,
  };
}

const path = (provider: string, stopped: boolean | null, connections_now = 1, ready = 1) =>
  ({
    provider,
    source: `ip-${connections_now}`,
    site: `mx.${provider}`,
    ready,
    backlog: 0,
    in_flight: 0,
    limits: { connections_now },
    throttle: stopped === null ? null : { stopped, reason: "", by: "", until: null, reply: null },
  }) as QueuePath;

const found = (troubles: Trouble[], paths: QueuePath[] = []) =>
  linesOf(troubles, paths).map((line) => `${line.provider} ${line.severity} ${line.now ? "now" : "earlier"}`);

it.each<[string, Trouble[], QueuePath[], string[]]>([
  ["all is well", [told("a", 1000, 5)], [], []],
  ["many put off", [told("a", 1000, 100)], [], ["a defers now"]],
  ["too few to say", [told("a", 8, 1)], [], []],
  ["many refused", [told("a", 1000, 10, 80)], [], ["a refuses now"]],
  ["a few blocked", [told("a", 1000, 12, 15)], [], ["a refuses now"]],
  ["full mailboxes", [told("a", 1000, 300, 50, { about: "recipients" })], [], []],
  ["no connection", [told("a", 1000, 300, 0, { about: "way" })], [], []],
  ["long ago", [told("a", 1000, 100, 0, { now: false })], [], ["a defers earlier"]],
  ["slowed, without a failure", [], [path("a", false)], ["a slowed now"]],
  ["slowed, and nothing is held back", [], [path("a", false, 1, 0)], ["a slowed earlier"]],
  ["one of two paths stopped", [], [path("a", true), path("a", null)], ["a slowed now"]],
  ["all paths stopped", [], [path("a", true), path("a", true)], ["a stopped now"]],
  ["a free path", [], [path("b", null)], []],
])("%s", (_, troubles, paths, expected) => expect(found(troubles, paths)).toEqual(expected));

it("puts the present and the worst first", () => {
  const troubles = [
    told("a", 1000, 60),
    told("b", 1000, 90),
    told("d", 1000, 0, 50),
    told("f", 1000, 0, 500, { now: false }),
  ];
  const paths = [path("c", false), path("e", true)];
  expect(found(troubles, paths)).toEqual([
    "e stopped now",
    "c slowed now",
    "d refuses now",
    "b defers now",
    "a defers now",
    "f refuses earlier",
  ]);
});

it("shows the strictest path, and counts what is due once for each site", () => {
  const paths = [path("a", false, 5), path("a", false, 1), path("a", null)].map((entry) => ({ ...entry, backlog: 40 }));
  const [line] = linesOf([], paths);
  expect([line?.path?.source, line?.held, line?.paths, line?.due]).toEqual(["ip-1", 2, 3, 43]);
});

it("searches for what it quotes", () => {
  const reply = { template_id: 3, template: "", code: 421, category: null, sample: "" };
  expect(searchOf({ provider: "a", told: told("a", 1, 1, 0, { reply }) })).toBe("provider:a template:3");
  expect(searchOf({ provider: "x", told: null })).toBe("provider:x kind:deferred,bounced");
});

it("sums up apart what says nothing about a provider", () => {
  const full = (deferred: number, bounced: number) => [
    { category: "quota-issues" as const, family: "full" as const, deferred, bounced: 0 },
    { category: "bad-mailbox" as const, family: "recipient" as const, deferred: 0, bounced },
  ];
  const troubles = [
    told("a", 100, 5, 2, {
      about: "recipients",
      categories: full(5, 2),
      waiting: 4,
      next_attempt: "2026-11-23T13:00:00Z",
    }),
    told("b", 100, 1, 9, {
      about: "recipients",
      categories: full(1, 9),
      waiting: 1,
      next_attempt: "2026-11-23T12:30:00Z",
    }),
    told("b", 100, 50),
    told("c", 10, 3, 0, { about: "way", waiting: null }),
  ];
  const [recipients, way, ...rest] = apartOf(troubles);
  expect(rest).toEqual([]);
  expect([recipients?.attempts, recipients?.waiting, recipients?.next]).toEqual([17, 5, "2026-11-23T12:30:00Z"]);
  expect(recipients?.categories.map((row) => [row.category, row.deferred + row.bounced])).toEqual([
    ["bad-mailbox", 11],
    ["quota-issues", 6],
  ]);
  expect([way?.about, way?.waiting]).toEqual(["way", null]);
});
