// Widens the minutes of a timeline so that a chart shows at most so many points, and fills the minutes without events.

export interface TimePoint {
  minute: string;
  delivered: number;
  deferred: number;
  bounced: number;
  opens: number;
  clicks: number;
}

/** Steps that read well on an axis, in minutes. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
const MINUTE_MS = 60_000;

export function bucketPoints(points: TimePoint[], max = 120): { points: TimePoint[]; bucketSeconds: number } {
  if (points.length === 0) return { points: [], bucketSeconds: 60 };
  const times = points.map((point) => new Date(point.minute).getTime());
  const first = Math.min(...times);
  const last = Math.max(...times);
  const minutes = (last - first) / MINUTE_MS + 1;
  const step = STEPS.find((size) => minutes / size <= max) ?? 1440;
  const width = step * MINUTE_MS;
  const start = Math.floor(first / width) * width;
  const count = Math.floor((last - start) / width) + 1;
  const buckets: TimePoint[] = Array.from({ length: count }, (_, index) => ({
    minute: new Date(start + index * width).toISOString(),
    delivered: 0,
    deferred: 0,
    bounced: 0,
    opens: 0,
    clicks: 0,
  }));
  points.forEach((point, index) => {
    const bucket = buckets[Math.floor(((times[index] ?? start) - start) / width)];
    if (!bucket) return;
    bucket.delivered += point.delivered;
    bucket.deferred += point.deferred;
    bucket.bounced += point.bounced;
    bucket.opens += point.opens;
    bucket.clicks += point.clicks;
  });
  return { points: buckets, bucketSeconds: step * 60 };
}
