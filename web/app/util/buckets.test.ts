import { expect, it } from "vitest";
import { bucketPoints } from "./buckets";

const point = (minute: string, delivered: number) => ({
  minute,
  delivered,
  deferred: 0,
  bounced: 0,
  opens: 0,
  clicks: 0,
});

it("fills quiet minutes", () => {
  const { points, bucketSeconds } = bucketPoints([point("2026-11-23T12:00:00Z", 3), point("2026-11-23T12:03:00Z", 4)]);
  expect(bucketSeconds).toBe(60);
  expect(points.map((entry) => entry.delivered)).toEqual([3, 0, 0, 4]);
});

it("widens long timelines and loses nothing", () => {
  const minutes = Array.from({ length: 1000 }, (_, index) =>
    point(new Date(Date.UTC(2026, 10, 23) + index * 60_000).toISOString(), 1),
  );
  const { points, bucketSeconds } = bucketPoints(minutes);
  expect(points.length).toBeLessThanOrEqual(121);
  expect(bucketSeconds).toBe(600);
  expect(points.reduce((sum, entry) => sum + entry.delivered, 0)).toBe(1000);
});

it("has nothing to show of nothing", () => expect(bucketPoints([]).points).toEqual([]));
