import { expect, it } from "vitest";
import { bucketPoints } from "./buckets";

const point = (minute: string, delivered: number) => ({ minute, delivered, deferred: 1 });
const FIELDS = ["delivered", "deferred"] as const;

it("fills quiet minutes", () => {
  const { points, bucketSeconds } = bucketPoints(
    [point("2026-11-23T12:00:00Z", 3), point("2026-11-23T12:03:00Z", 4)],
    FIELDS,
  );
  expect(bucketSeconds).toBe(60);
  expect(points.map((entry) => entry.delivered)).toEqual([3, 0, 0, 4]);
});

it("widens long timelines and loses nothing", () => {
  const minutes = Array.from({ length: 1000 }, (_, index) =>
    point(new Date(Date.UTC(2026, 10, 23) + index * 60_000).toISOString(), 1),
  );
  const { points, bucketSeconds } = bucketPoints(minutes, FIELDS);
  expect(points.length).toBeLessThanOrEqual(151);
  expect(bucketSeconds).toBe(600);
  expect(points.reduce((sum, entry) => sum + entry.delivered, 0)).toBe(1000);
  expect(points.reduce((sum, entry) => sum + entry.deferred, 0)).toBe(1000);
});

it("never splits the steps it was given", () => {
  const tens = Array.from({ length: 200 }, (_, index) =>
    point(new Date(Date.UTC(2026, 10, 23) + index * 600_000).toISOString(), 1),
  );
  const { points, bucketSeconds } = bucketPoints(tens, FIELDS, { given: 10 });
  expect(bucketSeconds).toBe(1200);
  expect(new Set(points.map((entry) => entry.delivered))).toEqual(new Set([2]));
});

it("has nothing to show of nothing", () => expect(bucketPoints([], FIELDS).points).toEqual([]));
