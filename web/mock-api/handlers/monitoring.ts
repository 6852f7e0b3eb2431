// Dashboards, search, histories.
import type {
  MailEvent,
  NowDashboard,
  Outcomes,
  ProviderDashboard,
  RecipientState,
  ReplyTemplate,
  SeriesPoint,
} from "../../app/api/types";
import type { Db } from "../db";
import { notFound, page, type Routes } from "../http";
import { parseSearch } from "../search";
import type { MockRecipient } from "../seed/events";
import { type MockProvider, PROVIDERS, providerOf } from "../seed/providers";
import { makeRandom } from "../seed/random";
import { SOURCES } from "../seed/sources";

const NO_OUTCOMES: Outcomes = { attempts: 0, delivered: 0, deferred: 0, bounced: 0, blocked: 0 };

function blockedShare(provider: MockProvider): number {
  const all = provider.replies.reduce((sum, reply) => sum + reply.weight, 0);
  return provider.replies.filter((reply) => reply.blocked).reduce((sum, reply) => sum + reply.weight, 0) / all;
}

/** Buckets of one provider: two waves of sending, with noise that stays the same for a bucket. */
function series(provider: MockProvider, buckets: number, bucketSeconds: number): (SeriesPoint & { blocked: number })[] {
  const width = bucketSeconds * 1000;
  const end = Math.floor(Date.now() / width);
  return Array.from({ length: buckets }, (_, index) => {
    const place = end - buckets + 1 + index;
    const random = makeRandom(place * 31 + provider.name.length * 1009 + (provider.name.codePointAt(0) ?? 0));
    const wave = 0.35 + 0.65 * Math.max(0, Math.sin((index / buckets) * Math.PI * 1.7)) ** 2;
    const attempts = Math.round(bucketSeconds * 0.21 * provider.weight * wave * (0.8 + random() * 0.4));
    const rough = index > buckets * 0.6 && (provider.name === "orange" || provider.name === "outlook") ? 1.8 : 0.8;
    const deferred = Math.round(attempts * provider.defer * rough * (0.6 + random() * 0.8));
    const bounced = Math.round(attempts * provider.bounce * (0.5 + random()));
    return {
      minute: new Date(place * width).toISOString(),
      delivered: Math.max(0, attempts - deferred - bounced),
      deferred,
      bounced,
      blocked: Math.round(deferred * blockedShare(provider)),
    };
  });
}

function sumOf(points: (SeriesPoint & { blocked: number })[]): Outcomes {
  return points.reduce<Outcomes>(
    (sum, point) => ({
      attempts: sum.attempts + point.delivered + point.deferred + point.bounced,
      delivered: sum.delivered + point.delivered,
      deferred: sum.deferred + point.deferred,
      bounced: sum.bounced + point.bounced,
      blocked: sum.blocked + point.blocked,
    }),
    NO_OUTCOMES,
  );
}

function replies(providers: MockProvider[], totals: Map<string, Outcomes>, since: number): ReplyTemplate[] {
  return providers
    .flatMap((provider) =>
      provider.replies.map((reply, index): ReplyTemplate => {
        const outcomes = totals.get(provider.name) ?? NO_OUTCOMES;
        const same = provider.replies
          .filter((entry) => entry.kind === reply.kind)
          .reduce((sum, entry) => sum + entry.weight, 0);
        const code = [reply.code, reply.enhanced].filter(Boolean).join(" ");
        return {
          template: `${code} ${reply.template}`,
          category: reply.category,
          provider: provider.name,
          kind: reply.kind,
          count: Math.round((reply.kind === "deferred" ? outcomes.deferred : outcomes.bounced) * (reply.weight / same)),
          first_seen: new Date(since - index * 86_400_000 * 9).toISOString(),
          last_seen: new Date(Date.now() - 7_000 * (index + 1)).toISOString(),
          sample: `${code} ${reply.sample}`,
        };
      }),
    )
    .filter((reply) => reply.count > 0)
    .sort((a, b) => b.count - a.count);
}

function now(db: Db, minutes: number): NowDashboard {
  const bucket_s = minutes <= 15 ? 30 : minutes <= 60 ? 60 : minutes <= 360 ? 300 : 1200;
  const buckets = Math.round((minutes * 60) / bucket_s);
  const byProvider = PROVIDERS.map((provider) => ({ provider, points: series(provider, buckets, bucket_s) }));
  const totals = new Map(byProvider.map(({ provider, points }) => [provider.name, sumOf(points)]));
  const first = byProvider[0]?.points ?? [];
  return {
    at: new Date().toISOString(),
    minutes,
    bucket_s,
    totals: sumOf(byProvider.flatMap(({ points }) => points)),
    by_provider: byProvider.map(({ provider, points }) => ({
      provider: provider.name,
      label: provider.label,
      ...sumOf(points),
      delay: { p50_s: provider.p50, p95_s: provider.p95 },
      series: points.map(({ blocked: _blocked, ...point }) => point),
    })),
    series: first.map((point, index) => ({
      minute: point.minute,
      delivered: byProvider.reduce((sum, entry) => sum + (entry.points[index]?.delivered ?? 0), 0),
      deferred: byProvider.reduce((sum, entry) => sum + (entry.points[index]?.deferred ?? 0), 0),
      bounced: byProvider.reduce((sum, entry) => sum + (entry.points[index]?.bounced ?? 0), 0),
    })),
    queue: { ...db.queue, oldest_s: 734 },
    delay: { p50_s: 2.4, p95_s: 96 },
    top_replies: replies(PROVIDERS, totals, db.startedAt - 3_600_000).slice(0, 10),
  };
}

function provider(db: Db, name: string, hours: number): ProviderDashboard {
  const known = providerOf(name);
  if (!known) throw notFound(`provider ${name}`);
  const bucket_s = hours <= 1 ? 60 : hours <= 6 ? 300 : hours <= 24 ? 1200 : 7200;
  const points = series(known, Math.round((hours * 3600) / bucket_s), bucket_s);
  const totals = sumOf(points);
  const parts = [0.5, 0.35, 0.15];
  return {
    at: new Date().toISOString(),
    provider: known.name,
    label: known.label,
    hours,
    bucket_s,
    totals,
    delay: { p50_s: known.p50, p95_s: known.p95 },
    series: points,
    by_source: SOURCES.slice(0, 3).map((source, index) => {
      const part = parts[index] ?? 0;
      const attempts = Math.round(totals.attempts * part);
      const deferred = Math.round(totals.deferred * part * (index === 0 ? 1.5 : 0.5));
      const bounced = Math.round(totals.bounced * part);
      const blocked = Math.min(deferred, Math.round(totals.blocked * part * (index === 0 ? 1.5 : 0.5)));
      const until = new Date(db.startedAt + 4_260_000).toISOString();
      return {
        source: source.name,
        attempts,
        deferred,
        bounced,
        blocked,
        delivered: attempts - deferred - bounced,
        delay: { p50_s: known.p50 * (1 + index * 0.2), p95_s: known.p95 * (index === 0 ? 1.2 : 0.8) },
        throttle:
          index === 0 && known.defer > 0.06
            ? {
                reason: known.replies.find((reply) => reply.blocked)?.category ?? "rate-limited",
                until,
                by: `rule ${known.name} 1`,
                reply: null,
              }
            : null,
      };
    }),
    top_replies: replies([known], new Map([[known.name, totals]]), db.startedAt - 3_600_000),
    complaints: Math.round(totals.delivered * 0.0004),
    postmaster_url: known.rules.postmaster_url,
  };
}

function withoutTranscript(event: MailEvent): MailEvent {
  if (!event.attempt?.transcript) return event;
  const { transcript: _transcript, ...attempt } = event.attempt;
  return { ...event, attempt };
}

function summary(entry: MockRecipient) {
  const { recipient, address, message, campaign, provider: name, state, at } = entry;
  return { recipient, address, message, campaign, provider: name, state, at };
}

const NO_COUNTS: Record<RecipientState, number> = {
  queued: 0,
  deferred: 0,
  delivered: 0,
  bounced: 0,
  expired: 0,
  suppressed: 0,
};

export const monitoringRoutes: Routes = {
  "GET /dashboards/now": ({ db, query }) => ({ json: now(db, Number(query.get("minutes") ?? 60)) }),
  "GET /dashboards/provider/:name": ({ db, params, query }) => ({
    json: provider(db, params.name ?? "", Number(query.get("hours") ?? 24)),
  }),
  "GET /providers-summary": () => ({
    json: {
      items: PROVIDERS.map((entry) => {
        const totals = sumOf(series(entry, 72, 1200));
        return {
          provider: entry.name,
          label: entry.label,
          ...totals,
          delay: { p50_s: entry.p50, p95_s: entry.p95 },
          complaints: Math.round(totals.delivered * 0.0004),
        };
      }),
      next: null,
    },
  }),
  "GET /events": ({ db, query }) => {
    const started = performance.now();
    const test = parseSearch(query.get("q") ?? "");
    const from = query.get("from") ?? "";
    const to = query.get("to") ?? "9999";
    const all = db.recipients.flatMap((entry) => entry.events);
    const found = all
      .filter((event) => event.at >= from && event.at <= to && test(event))
      .sort((a, b) => (a.at < b.at ? 1 : -1))
      .map(withoutTranscript);
    return { json: { ...page(found, query), cost: { rows: all.length, ms: performance.now() - started } } };
  },
  "GET /messages/:id": ({ db, params, query }) => {
    const own = db.recipients.filter((entry) => entry.message === params.id);
    const first = own[0];
    if (!first) throw notFound("message");
    const counts = { ...NO_COUNTS };
    for (const entry of own) counts[entry.state] += 1;
    const campaign = db.campaigns.find((entry) => entry.id === first.campaign);
    return {
      json: {
        message: first.message,
        sender: "bounce.verriere.example",
        subject: campaign?.subject ?? null,
        stream: "marketing",
        campaign: first.campaign,
        received_at: first.events[0]?.at ?? first.at,
        size_bytes: 14_820,
        counts,
        recipients: page(own.map(summary), query),
      },
    };
  },
  "GET /recipients": ({ db, query }) => {
    const address = (query.get("address") ?? "").toLowerCase();
    return { json: page(db.recipients.filter((entry) => entry.address === address).map(summary), query) };
  },
  "GET /recipients/:id": ({ db, params }) => {
    const entry = db.recipients.find((known) => known.recipient === params.id);
    if (!entry) throw notFound("recipient");
    const { recipient, address, message, campaign, contact, provider: name, state, events } = entry;
    return { json: { recipient, address, message, campaign, contact, provider: name, state, events } };
  },
};
