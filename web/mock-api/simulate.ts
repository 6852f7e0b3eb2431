// One second of the mock world: mail leaves for the providers, the sending campaign moves on.
import type { CampaignCounts, Outcomes, Tick } from "../app/api/types";
import type { Db } from "./db";
import { PROVIDERS } from "./seed/providers";

/** Mails of the sending campaign each second. */
const PER_SECOND = 21;
/** Ticks kept for the dashboards. */
const TICKS_MAX = 3_600;

function outcomesOf(db: Db, weight: number, defer: number, bounce: number, blockedShare: number): Outcomes {
  const attempts = Math.round((PER_SECOND * weight * (0.6 + db.random() * 0.8)) / 100 + db.random() * 0.6);
  const roll = (rate: number) => Array.from({ length: attempts }).filter(() => db.random() < rate).length;
  const deferred = roll(defer);
  const bounced = Math.min(attempts - deferred, roll(bounce));
  const blocked = Math.round(deferred * blockedShare);
  return { attempts, deferred, bounced, blocked, delivered: attempts - deferred - bounced };
}

function advance(counts: CampaignCounts, sum: Outcomes, db: Db): void {
  counts.delivered += sum.delivered;
  counts.bounced += sum.bounced;
  counts.handed_over = Math.min(counts.audience, counts.handed_over + PER_SECOND * 2);
  counts.queued = Math.max(
    0,
    counts.handed_over - counts.delivered - counts.bounced - counts.expired - counts.suppressed,
  );
  counts.deferred_now = Math.min(
    counts.queued,
    Math.max(0, counts.deferred_now + sum.deferred - Math.round(db.random() * 3)),
  );
  counts.opens += Math.round(sum.delivered * 0.3 * db.random());
  counts.clicks += Math.round(sum.delivered * 0.08 * db.random());
  if (db.random() < 0.02) counts.complaints += 1;
  if (db.random() < 0.05) counts.unsubscribes += 1;
}

export function step(db: Db): Tick {
  const campaign = db.campaigns.find((entry) => entry.state === "sending");
  const at = new Date().toISOString();
  const providers = PROVIDERS.map((provider) => {
    const share = provider.replies.filter((reply) => reply.blocked).reduce((sum, reply) => sum + reply.weight, 0);
    const all = provider.replies.reduce((sum, reply) => sum + reply.weight, 0);
    const outcomes = campaign
      ? outcomesOf(db, provider.weight, provider.defer, provider.bounce, share / all)
      : { attempts: 0, delivered: 0, deferred: 0, bounced: 0, blocked: 0 };
    return { provider: provider.name, ...outcomes };
  });
  const sum = providers.reduce(
    (total, entry) => ({
      attempts: total.attempts + entry.attempts,
      delivered: total.delivered + entry.delivered,
      deferred: total.deferred + entry.deferred,
      bounced: total.bounced + entry.bounced,
      blocked: total.blocked + entry.blocked,
    }),
    { attempts: 0, delivered: 0, deferred: 0, bounced: 0, blocked: 0 },
  );
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
  const tick: Tick = {
    at,
    queue: { ...db.queue },
    rates: {
      received: campaign ? PER_SECOND * 2 : 0,
      delivered: sum.delivered,
      deferred: sum.deferred,
      bounced: sum.bounced,
    },
    providers,
    campaigns: db.campaigns.flatMap((entry) =>
      entry.counts && (entry.state === "sending" || entry.finished_at === at)
        ? [{ id: entry.id, state: entry.state, counts: { ...entry.counts } }]
        : [],
    ),
  };
  db.ticks.push(tick);
  if (db.ticks.length > TICKS_MAX) db.ticks.shift();
  return tick;
}
