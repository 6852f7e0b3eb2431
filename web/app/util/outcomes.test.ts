import { expect, it } from "vitest";
import type { NowDashboard, Tick } from "~/api/types";
import { NO_OUTCOMES, withTicks } from "./outcomes";

const dashboard: NowDashboard = {
  at: "2026-11-23T12:00:00Z",
  minutes: 60,
  bucket_s: 60,
  totals: { ...NO_OUTCOMES, attempts: 100, delivered: 90, deferred: 10 },
  by_provider: [
    {
      provider: "gmail",
      label: "Gmail",
      ...NO_OUTCOMES,
      attempts: 100,
      delivered: 90,
      deferred: 10,
      delay: { p50_s: 1, p95_s: 2 },
      series: [],
    },
  ],
  series: [],
  queue: { scheduled: 5, held: 0, ready: 1, in_flight: 1, done: 100, oldest_s: 9 },
  delay: { p50_s: 1, p95_s: 2 },
  top_replies: [],
};

const tick = (at: string, delivered: number): Tick => ({
  at,
  queue: { scheduled: 4, held: 0, ready: 0, in_flight: 0, done: 100 + delivered },
  rates: { received: 0, delivered, deferred: 0, bounced: 0 },
  providers: [
    { provider: "gmail", ...NO_OUTCOMES, attempts: delivered, delivered },
    { provider: "new", ...NO_OUTCOMES, attempts: 1, delivered: 1 },
  ],
  campaigns: [],
});

it("adds only what came after the dashboard", () => {
  const live = withTicks(dashboard, [
    tick("2026-11-23T11:59:59Z", 7),
    tick("2026-11-23T12:00:01Z", 3),
    tick("2026-11-23T12:00:02Z", 2),
  ]);
  expect(live.totals).toMatchObject({ attempts: 107, delivered: 97 });
  expect(live.by_provider[0]).toMatchObject({ attempts: 105, delivered: 95 });
  expect(live.queue).toMatchObject({ scheduled: 4, oldest_s: 9 });
});

it("is the same object when nothing is new", () => {
  expect(withTicks(dashboard, [tick("2026-11-23T11:59:59Z", 7)])).toBe(dashboard);
});
