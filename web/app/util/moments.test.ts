import { expect, it } from "vitest";
import { course, stretches } from "./moments";

const START = Date.UTC(2026, 10, 23, 12, 0, 0);
const moment = (at: number, span_s: number, delivered: number, opens = 0) => ({
  at: new Date(START + at * 1000).toISOString(),
  span_s,
  delivered,
  opens,
});
const each = (seconds: number, span: number) =>
  Array.from({ length: Math.ceil(seconds / span) }, (_, index) => moment(index * span, span, 2));
const FIELDS = ["delivered", "opens"] as const;

it.each([
  [each(100, 1), 1, 100],
  [each(180, 1), 2, 90],
  [each(590, 1), 5, 118],
  [each(7_200, 10), 60, 120],
  [each(43_200, 60), 300, 144],
  [each(60 * 86_400, 86_400), 86_400, 60],
  [[moment(7, 1, 1)], 1, 1],
])("chooses the step from the time it took (%#)", (moments, step, points) => {
  const found = course(moments, FIELDS);
  expect([found.stepSeconds, found.points.length]).toEqual([step, points]);
  const sum = (list: readonly { delivered: number }[]) => list.reduce((n, entry) => n + entry.delivered, 0);
  expect(sum(found.points)).toBe(sum(moments));
});

it("shows a campaign of three minutes with more than three points", () => {
  expect(course(each(180, 1), FIELDS).points.length).toBeGreaterThan(60);
});

it("makes nothing up before the first and behind the last event", () => {
  const { points } = course([moment(0, 1, 0, 0), moment(5, 1, 3), moment(8, 1, 4), moment(9, 1, 0, 0)], FIELDS);
  expect(points.map((point) => point.delivered)).toEqual([3, 0, 0, 4]);
});

it("does not let stragglers flatten the rest", () => {
  const moments = [...each(120, 1), moment(3 * 86_400, 600, 5)];
  expect(stretches(moments, FIELDS)).toEqual({ choices: [600, 7_200, 43_200, "all"], first: 600 });
  expect(course(moments, FIELDS, 600).stepSeconds).toBe(1);
  // Opens go on for days: another chart, another stretch.
  const opens = Array.from({ length: 72 }, (_, hour) => moment(hour * 3600, 3600, 0, 4));
  expect(stretches([...moments, ...opens], ["opens"]).first).toBe("all");
});

it("never splits the steps it was given", () => {
  const moments = Array.from({ length: 200 }, (_, index) => moment(index * 600, 600, 1));
  const { points, stepSeconds } = course(moments, FIELDS);
  expect(stepSeconds).toBe(1200);
  expect(new Set(points.map((point) => point.delivered))).toEqual(new Set([2]));
});

it("has nothing to show of nothing", () => {
  expect(course([], FIELDS).points).toEqual([]);
  expect(stretches([moment(3, 1, 0)], FIELDS)).toEqual({ choices: ["all"], first: "all" });
});
