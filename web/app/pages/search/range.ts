// The beginning of a time range.
import type { Range } from "~/util/states";

const SECONDS: Partial<Record<Range, number>> = { "15m": 900, "1h": 3600, "24h": 86_400, "7d": 604_800 };

export function rangeStart(range: Range, own: string | undefined, now: Date): string | undefined {
  if (range === "own") return own;
  // Without a beginning the program looks back one day only.
  if (range === "all") return "2020-01-01T00:00:00Z";
  const seconds = SECONDS[range];
  return seconds ? new Date(now.getTime() - seconds * 1000).toISOString() : undefined;
}
