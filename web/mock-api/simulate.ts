// One second of the mock world: mail leaves for the providers, the sending campaign moves on.
import type { CampaignCounts, LiveCounts, Tick } from "../app/api/types";
import type { Db } from "./db";
import { PROVIDERS } from "./seed/providers";

/** Mails of the sending campaign each second. */
const PER_SECOND = 21;
/** Ticks kept. */
const TICKS_MAX = 300;

export const NO_LIVE: LiveCounts = {
  received: 0,
  attempts: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  expired: 0,
  opens: 0,
  clicks: 0,
  complaints: 0,
  unsubscribes: 0,
  lost_after_dot: 0,
};

export function addLive(a: LiveCounts, b: LiveCounts): LiveCounts {
  const sum = { ...a };
  for (const key of Object.keys(sum) as (keyof LiveCounts)[]) sum[key] = (a[key] ?? 0) + (b[key] ?? 0);
  return sum;
}

function second(db: Db, weight: number, defer: number, bounce: number): LiveCounts {
  const attempts = Math.round((PER_SECOND * weight * (0.6 + db.random() * 0.8)) / 100 + db.random() * 0.6);
  const roll = (rate: number) => Array.from({ length: attempts }).filter(() => db.random() < rate).length;
  const deferred = roll(defer);
  const bounced = Math.min(attempts - deferred, roll(bounce));
  return { ...NO_LIVE, received: attempts * 2, attempts, deferred, bounced, delivered: attempts - deferred - bounced };
}

function advance(counts: CampaignCounts, sum: LiveCounts, db: Db): void {
  counts.delivered += sum.delivered;
  counts.bounced += sum.bounced;
  counts.handed_over = Math.min(counts.audience, counts.handed_over + PER_SECOND * 2);
  const finished = counts.delivered + counts.bounced + counts.expired + counts.suppressed;
  counts.queued = Math.max(0, counts.handed_over - finished);
  const waiting = counts.deferred_now + sum.deferred - Math.round(db.random() * 3);
  counts.deferred_now = Math.min(counts.queued, Math.max(0, waiting));
  counts.opens += Math.round(sum.delivered * 0.3 * db.random());
  counts.clicks += Math.round(sum.delivered * 0.08 * db.random());
  if (db.random() < 0.02) counts.complaints += 1;
  if (db.random() < 0.05) counts.unsubscribes += 1;
}

export function step(db: Db): Tick {
  const campaign = db.campaigns.find((entry) => entry.state === "sending");
  const at = new Date().toISOString();
  const providers = PROVIDERS.map((provider) => {
    const now = campaign ? second(db, provider.weight, provider.defer, provider.bounce) : NO_LIVE;
    return { provider: provider.name, second: now, minute: NO_LIVE, total: NO_LIVE };
  });
  const sum = providers.reduce((total, entry) => addLive(total, entry.second), NO_LIVE);
  if (campaign?.counts) {
    advance(campaign.counts, sum, db);
    db.queue.done += sum.delivered + sum.bounced;
    const left = campaign.counts.queued;
    db.queue.in_flight = Math.min(left, 40 + Math.round(db.random() * 40));
    db.queue.scheduled = campaign.counts.deferred_now;
    db.queue.ready = Math.max(0, left - db.queue.scheduled - db.queue.in_flight);
    if (left === 0 && campaign.counts.handed_over >= campaign.counts.audience) {
      campaign.state = "sent";
      campaign.finished_at = at;
    }
  }
  const before = db.ticks.slice(-59).map((tick) => tick.live.second);
  const over = (seconds: number) => [...before.slice(-(seconds - 1)), sum].reduce(addLive, NO_LIVE);
  const tick: Tick = {
    live: {
      at,
      second: sum,
      ten_seconds: over(10),
      minute: over(60),
      five_minutes: over(60),
      total: over(60),
      providers,
    },
    queue: { ...db.queue },
    campaigns: db.campaigns.flatMap((entry) =>
      entry.counts && (entry.state === "sending" || entry.state === "paused")
        ? [{ id: entry.id, name: entry.name, state: entry.state, counts: { ...entry.counts } }]
        : [],
    ),
  };
  db.ticks.push(tick);
  if (db.ticks.length > TICKS_MAX) db.ticks.shift();
  return tick;
}
