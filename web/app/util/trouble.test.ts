import { expect, it } from "vitest";
import type { Compared, QueuePath, Rate, TopReply } from "~/api/types";
import { type Measured, searchOf, troublesOf } from "./trouble";

const share = (hits: number, n: number): Compared => {
  const rate = n > 0 ? hits / n : 0;
  const half = n > 0 ? 1.96 * Math.sqrt((rate * (1 - rate)) / n) + 1 / n : 1;
  const now: Rate = { hits, n, rate, low: Math.max(0, rate - half), high: Math.min(1, rate + half) };
  return { now, before: now, change: "unclear" };
};

function row(provider: string, attempts: number, deferred: number, bounced = 0): Measured {
  const none = share(0, attempts);
  const rates = {
    delivered: share(attempts - deferred - bounced, attempts),
    deferred: share(deferred, attempts),
    bounced: share(bounced, attempts),
    blocked: none,
    complaints: none,
    opens: none,
    clicks: none,
    unsubscribes: none,
  };
  return { provider, attempts, deferred, bounced, rates } as Measured;
}

const path = (provider: string, stopped: boolean | null, connections_now = 1) =>
  ({
    provider,
    source: `ip-${connections_now}`,
    limits: { connections_now },
    throttle: stopped === null ? null : { stopped, reason: "", by: "", until: null, reply: null },
  }) as QueuePath;

const reply = (provider: string, code: number, count: number, template_id: number) =>
  ({ provider, code, count, template_id }) as TopReply;

const found = (rows: Measured[], paths: QueuePath[] = [], replies: TopReply[] = []) =>
  troublesOf(rows, replies, paths).map((trouble) => `${trouble.provider} ${trouble.severity}`);

it.each([
  ["all is well", [row("a", 1000, 5)], [], []],
  ["many put off", [row("a", 1000, 100)], [], ["a defers"]],
  ["too few to say", [row("a", 8, 1)], [], []],
  ["many refused", [row("a", 1000, 10, 80)], [], ["a refuses"]],
  ["slowed, without a failure", [row("a", 1000, 0)], [path("a", false)], ["a slowed"]],
  ["one of two paths stopped", [row("a", 10, 0)], [path("a", true), path("a", null)], ["a slowed"]],
  ["all paths stopped", [row("a", 10, 0)], [path("a", true), path("a", true)], ["a stopped"]],
  ["the path of another", [row("a", 10, 0)], [path("b", true)], []],
])("%s", (_, rows, paths, expected) => expect(found(rows, paths)).toEqual(expected));

it("puts the worst first", () => {
  const rows = [row("a", 1000, 60), row("b", 1000, 90), row("c", 1000, 0), row("d", 1000, 0, 50), row("e", 9, 0)];
  const paths = [path("c", false), path("e", true)];
  expect(found(rows, paths)).toEqual(["e stopped", "c slowed", "d refuses", "b defers", "a defers"]);
});

it("quotes what is said most, of the kind that there is more of", () => {
  const replies = [reply("a", 550, 90, 1), reply("a", 421, 40, 2), reply("a", 450, 60, 3), reply("b", 421, 99, 4)];
  const [deferring] = troublesOf([row("a", 1000, 100, 20)], replies, []);
  expect(deferring?.reply?.template_id).toBe(3);
  const [refusing] = troublesOf([row("a", 1000, 20, 100)], replies, []);
  expect(refusing?.reply?.template_id).toBe(1);
  expect(refusing && searchOf(refusing)).toBe("provider:a template:1");
  expect(searchOf({ provider: "x", reply: null })).toBe("provider:x kind:deferred,bounced");
});

it("shows the strictest path", () => {
  const [trouble] = troublesOf([row("a", 10, 0)], [], [path("a", false, 5), path("a", false, 1), path("a", null)]);
  expect([trouble?.path?.source, trouble?.held, trouble?.paths]).toEqual(["ip-1", 2, 3]);
});
