// Widens the minutes of a timeline so that a chart shows at most so many points, and fills the minutes without events.

/** Steps that read well on an axis, in minutes. */
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440];
const MINUTE_MS = 60_000;

export type Bucket<K extends string> = { minute: string } & Record<K, number>;

export interface Buckets<K extends string> {
  points: Bucket<K>[];
  bucketSeconds: number;
}

export interface BucketSettings {
  /** Length of the given steps, in minutes: the new ones are multiples of it. */
  given?: number;
  /** Most points. */
  max?: number;
}

/** Sums of the named fields for each step of time. */
export function bucketPoints<K extends string>(
  points: readonly Bucket<K>[],
  fields: readonly K[],
  { given = 1, max = 150 }: BucketSettings = {},
): Buckets<K> {
  if (points.length === 0) return { points: [], bucketSeconds: 60 };
  const times = points.map((point) => new Date(point.minute).getTime());
  const first = Math.min(...times);
  const last = Math.max(...times);
  const minutes = (last - first) / MINUTE_MS + 1;
  // A step that the given ones fit into: else some buckets would hold more of them than others.
  const step = STEPS.find((size) => size % given === 0 && minutes / size <= max) ?? 1440;
  const width = step * MINUTE_MS;
  const start = Math.floor(first / width) * width;
  const count = Math.floor((last - start) / width) + 1;
  const buckets = Array.from({ length: count }, (_, index) => {
    const bucket: Record<string, number | string> = { minute: new Date(start + index * width).toISOString() };
    for (const field of fields) bucket[field] = 0;
    return bucket as Bucket<K>;
  });
  points.forEach((point, index) => {
    const bucket: Record<K, number> | undefined = buckets[Math.floor(((times[index] ?? start) - start) / width)];
    if (!bucket) return;
    for (const field of fields) bucket[field] += point[field];
  });
  return { points: buckets, bucketSeconds: step * 60 };
}
