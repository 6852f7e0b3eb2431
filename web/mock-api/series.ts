// Numbers of providers over time: two waves of sending, with noise that stays the same for a step.
import type { Counts, SeriesPoint } from "../app/api/types";
import { addCounts, delay, NO_COUNTS } from "./rates";
import type { MockProvider } from "./seed/providers";
import { makeRandom } from "./seed/random";

function blockedShare(provider: MockProvider): number {
  const all = provider.replies.reduce((sum, reply) => sum + reply.weight, 0);
  return provider.replies.filter((reply) => reply.blocked).reduce((sum, reply) => sum + reply.weight, 0) / all;
}

/** Steps as the program chooses them for so many minutes, in seconds. */
export function stepSeconds(minutes: number): number {
  if (minutes <= 15) return 10;
  if (minutes <= 60) return 30;
  return minutes <= 180 ? 60 : minutes <= 720 ? 300 : minutes <= 2_880 ? 600 : 3_600;
}

/** The last `steps` steps of `minutes` minutes each, or as many before that. */
export function series(provider: MockProvider, steps: number, minutes: number, back = 0): SeriesPoint[] {
  const width = Math.round(minutes * 60_000);
  const end = Math.floor(Date.now() / width) - back;
  return Array.from({ length: steps }, (_, index) => {
    const place = end - steps + 1 + index;
    const random = makeRandom(place * 31 + provider.name.length * 1009 + (provider.name.codePointAt(0) ?? 0));
    const wave = 0.35 + 0.65 * Math.max(0, Math.sin((index / steps) * Math.PI * 1.7)) ** 2;
    const attempts = Math.round(minutes * 60 * 0.21 * provider.weight * wave * (0.8 + random() * 0.4));
    const rough = back === 0 && index > steps * 0.6 && provider.defer > 0.06 ? 1.8 : 0.8;
    const deferred = Math.round(attempts * provider.defer * rough * (0.6 + random() * 0.8));
    const bounced = Math.round(attempts * provider.bounce * (0.5 + random()));
    const delivered = Math.max(0, attempts - deferred - bounced);
    return {
      at: new Date(place * width).toISOString(),
      received: attempts,
      delivered,
      deferred,
      bounced,
      blocked: Math.round(deferred * blockedShare(provider)),
      complaints: random() < 0.02 ? 1 : 0,
      opens: Math.round(delivered * provider.open * 0.4),
      clicks: Math.round(delivered * provider.click * 0.4),
      delay: delay(delivered, provider.p50, provider.p95),
    };
  });
}

export function sumOf(points: SeriesPoint[]): Counts {
  return points
    .map(({ received, delivered, deferred, bounced, blocked, complaints, opens, clicks }) => ({
      ...NO_COUNTS,
      received,
      delivered,
      deferred,
      bounced,
      blocked,
      complaints,
      opens,
      clicks,
      attempts: delivered + deferred + bounced,
      bytes: delivered * 14_820,
    }))
    .reduce(addCounts, NO_COUNTS);
}

const SUMMED = ["received", "delivered", "deferred", "bounced", "blocked", "complaints", "opens", "clicks"] as const;

/** Points of several providers, step by step. */
export function mergeSeries(all: SeriesPoint[][]): SeriesPoint[] {
  return (all[0] ?? []).map((first, index) => {
    const sum = { ...first };
    for (const key of SUMMED) sum[key] = all.reduce((total, points) => total + (points[index]?.[key] ?? 0), 0);
    return sum;
  });
}
