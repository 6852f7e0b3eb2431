// The beginning of a time range.
import type { Range } from "~/util/states";

const SECONDS: Partial<Record<Range, number>> = { "15m": 900, "1h": 3600, "24h": 86_400, "7d": 604_800 };

export function rangeStart(range: Range, own: string | undefined, now: Date): string | undefined {
  if (range === "own") return own;
  const seconds = SECONDS[range];
  return seconds ? new Date(now.getTime() - seconds * 1000).toISOString() : undefined;
}
