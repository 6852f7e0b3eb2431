import { expect, it } from "vitest";
import { isStopped } from "./throttle";

const throttle = (reason: string) => ({ reason, until: null, by: "rule", reply: null });

it.each([
  ["suspended by a rule", true],
  ["the path is suspended", true],
  ["resting: the site cannot be reached", true],
  ["10/min", false],
  ["1 connection", false],
])("%s", (reason, stopped) => expect(isStopped(throttle(reason))).toBe(stopped));

it("knows paths without a connection", () => {
  expect(isStopped(throttle("limited"), { connections_now: 0 })).toBe(true);
  expect(isStopped(null, { connections_now: 0 })).toBe(false);
});
