import { expect, it } from "vitest";
import { causeOf, limitsIn } from "./throttle-words";

it.each([
  ["1 connection", [{ kind: "connections", count: 1 }]],
  [
    "10/min, 2 connections",
    [
      { kind: "rate", text: "10/min" },
      { kind: "connections", count: 2 },
    ],
  ],
  ["5 messages per connection", [{ kind: "messages", count: 5 }]],
  ["20 messages on a connection", [{ kind: "messages", count: 20 }]],
  ["suspended by a rule", null],
])("%s", (reason, expected) => expect(limitsIn(reason)).toEqual(expected));

it.each([
  [
    "1 connection",
    "rule orange-connections (providers.toml line 433)",
    { kind: "rule", name: "orange-connections", place: "providers.toml line 433" },
  ],
  ["10/min", "adaptive controller", { kind: "controller" }],
  ["resting: the site cannot be reached (refused)", "connection failures", { kind: "failures", error: "refused" }],
  ["resting: the site cannot be reached", "connection failures", { kind: "failures", error: null }],
  ["the source is suspended", "Ada", { kind: "person", name: "Ada", target: "source" }],
  ["something new", "somebody", { kind: "other", text: "something new · somebody" }],
])("%s by %s", (reason, by, expected) => expect(causeOf({ reason, by })).toEqual(expected));
