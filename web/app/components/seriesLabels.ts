// Labels of time buckets: the clock within a day, with its seconds where they differ, with the date when the window is longer.
import type { Format } from "~/hooks/useFormat";

export function seriesLabels(points: { minute: string }[], format: Format, bucketSeconds: number): string[] {
  const long = bucketSeconds * points.length > 36 * 3600;
  const seconds = bucketSeconds % 60 !== 0;
  return points.map((point) => (long ? format.time(point.minute) : format.clock(point.minute, seconds)));
}
