// Adds what the live stream told since a dashboard was read, so that numbers move between two reads.
import type { NowDashboard, Outcomes, Tick } from "~/api/types";

const FIELDS = ["attempts", "delivered", "deferred", "bounced", "blocked"] as const;

export function addOutcomes<T extends Outcomes>(base: T, more: Outcomes): T {
  const sum = { ...base };
  for (const field of FIELDS) sum[field] = base[field] + more[field];
  return sum;
}

export const NO_OUTCOMES: Outcomes = { attempts: 0, delivered: 0, deferred: 0, bounced: 0, blocked: 0 };

/** The dashboard with the ticks that are younger than it. Providers that it does not know wait for the next read. */
export function withTicks(dashboard: NowDashboard, ticks: readonly Tick[]): NowDashboard {
  const readAt = new Date(dashboard.at).getTime();
  const fresh = ticks.filter((tick) => new Date(tick.at).getTime() > readAt);
  const last = fresh[fresh.length - 1];
  if (!last) return dashboard;
  const byProvider = new Map<string, Outcomes>();
  let totals = dashboard.totals;
  for (const tick of fresh) {
    for (const entry of tick.providers) {
      totals = addOutcomes(totals, entry);
      byProvider.set(entry.provider, addOutcomes(byProvider.get(entry.provider) ?? NO_OUTCOMES, entry));
    }
  }
  return {
    ...dashboard,
    totals,
    queue: { ...dashboard.queue, ...last.queue },
    by_provider: dashboard.by_provider.map((entry) => {
      const more = byProvider.get(entry.provider);
      return more ? addOutcomes(entry, more) : entry;
    }),
  };
}
