// Counts and rates as the program gives them.
import type { Compared, Counts, Delay, Rate, Rates } from "../app/api/types";

export const NO_COUNTS: Counts = {
  received: 0,
  attempts: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  blocked: 0,
  expired: 0,
  suppressed: 0,
  remote_bounces: 0,
  complaints: 0,
  opens: 0,
  clicks: 0,
  unsubscribes: 0,
  connection_failures: 0,
  bytes: 0,
};

export function addCounts(a: Counts, b: Counts): Counts {
  const sum = { ...a };
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] = a[key] + b[key];
  return sum;
}

/** Wilson score interval, 95 %. */
export function rate(hits: number, n: number): Rate {
  if (n === 0) return { hits, n, rate: 0, low: 0, high: 1 };
  const z2 = 1.96 ** 2;
  const share = Math.min(1, hits / n);
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (1.96 / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return { hits, n, rate: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

function compared(now: Rate, before: Rate): Compared {
  return { now, before, change: now.low > before.high ? "up" : now.high < before.low ? "down" : "unclear" };
}

export function rates(now: Counts, before: Counts): Rates {
  const of = (part: keyof Counts, whole: keyof Counts) =>
    compared(rate(now[part], now[whole]), rate(before[part], before[whole]));
  return {
    delivered: of("delivered", "attempts"),
    deferred: of("deferred", "attempts"),
    bounced: of("bounced", "attempts"),
    blocked: of("blocked", "attempts"),
    complaints: of("complaints", "delivered"),
    opens: of("opens", "delivered"),
    clicks: of("clicks", "delivered"),
    unsubscribes: of("unsubscribes", "delivered"),
  };
}

export function delay(n: number, p50_s: number, p95_s: number): Delay {
  return n > 0 ? { n, p50_s, p95_s } : { n, p50_s: null, p95_s: null };
}
