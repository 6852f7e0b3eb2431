// The dashboards "Now" and "Provider", and the summary of providers.
import type {
  CategoryRow,
  Counts,
  MatrixCell,
  NowDashboard,
  ProviderDashboard,
  ProviderRow,
  QueryResult,
  TopReply,
  Trouble,
  TroubleAbout,
  TypedQuery,
} from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, type Routes } from "../http";
import { addCounts, delay, NO_COUNTS, rate, rates } from "../rates";
import { type MockProvider, PROVIDERS, providerOf } from "../seed/providers";
import { SOURCES } from "../seed/sources";
import { mergeSeries, series, stepSeconds, sumOf } from "../series";

const DAY_MS = 86_400_000;

function replies(db: Db, providers: MockProvider[], totals: Map<string, Counts>): TopReply[] {
  const since = db.startedAt - 3_600_000;
  return providers
    .flatMap((provider) =>
      provider.replies.map((reply, index): TopReply => {
        const counts = totals.get(provider.name) ?? NO_COUNTS;
        const same = provider.replies.filter((entry) => entry.kind === reply.kind);
        const share = reply.weight / same.reduce((sum, entry) => sum + entry.weight, 0);
        const code = [reply.code, reply.enhanced].filter(Boolean).join(" ");
        const fresh = reply.blocked === true && provider.name === "outlook" && reply.kind === "deferred";
        return {
          template_id: PROVIDERS.indexOf(provider) * 10 + index + 1,
          template: `${code} ${reply.template}`,
          code: reply.code,
          category: reply.category,
          provider: provider.name,
          count: Math.round((reply.kind === "deferred" ? counts.deferred : counts.bounced) * share),
          count_before: 0,
          is_new: fresh,
          first_seen: new Date(fresh ? db.startedAt - 1_500_000 : since - (index + 1) * DAY_MS * 9).toISOString(),
          last_seen: new Date(Date.now() - 7_000 * (index + 1)).toISOString(),
          sample: `${code} ${reply.sample}`,
        };
      }),
    )
    .filter((reply) => reply.count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, 12);
}

function rows(steps: number, minutes: number): ProviderRow[] {
  return PROVIDERS.map((provider) => {
    const counts = sumOf(series(provider, steps, minutes));
    const previous = sumOf(series(provider, steps, minutes, steps));
    return {
      provider: provider.name,
      ...counts,
      previous,
      rates: rates(counts, previous),
      delay: delay(counts.delivered, provider.p50, provider.p95),
      top_reply: null,
    };
  });
}

const ABOUT: Partial<Record<NonNullable<TopReply["category"]>, TroubleAbout>> = {
  "bad-mailbox": "recipients",
  "inactive-mailbox": "recipients",
  "quota-issues": "recipients",
  "no-answer-from-host": "way",
  other: "unclear",
};

/** What happened long ago in the mock: the first of its providers that only put off is calm again. */
const CALM = "free";

function troubles(db: Db, providers: MockProvider[], totals: Map<string, Counts>): Trouble[] {
  const found = new Map<string, TopReply[]>();
  for (const reply of providers.flatMap((provider) => replies(db, [provider], totals))) {
    const about = ABOUT[reply.category ?? "other"] ?? "us";
    const key = `${reply.provider} ${about}`;
    found.set(key, [...(found.get(key) ?? []), reply]);
  }
  return [...found].map(([key, all]): Trouble => {
    const [provider = "", about = "us"] = key.split(" ");
    const attempts = totals.get(provider)?.attempts ?? 0;
    const count = (deferred: boolean) =>
      all.filter((reply) => reply.code < 500 === deferred).reduce((sum, reply) => sum + reply.count, 0);
    const now = provider !== CALM;
    const waiting = now ? Math.ceil(count(true) / 20) : 0;
    const top = all[0] as TopReply;
    const { template_id, template, code, category, sample } = top;
    const categories = all.map((reply): CategoryRow => {
      const failed = reply.code < 500 ? { deferred: reply.count, bounced: 0 } : { deferred: 0, bounced: reply.count };
      return { category: reply.category, family: "reputation", ...failed };
    });
    return {
      provider,
      about: about as TroubleAbout,
      deferred: rate(count(true), attempts),
      bounced: rate(count(false), attempts),
      categories,
      reply: { template_id, template, code, category, sample },
      now,
      last_seen: now ? top.last_seen : new Date(Date.now() - 1_500_000).toISOString(),
      waiting,
      next_attempt: waiting > 0 ? new Date(Date.now() + 240_000).toISOString() : null,
    };
  });
}

function period(minutes: number) {
  const now = Date.now();
  const at = new Date(now).toISOString();
  return { at, from: new Date(now - minutes * 60_000).toISOString(), to: at };
}

function now(db: Db, minutes: number): NowDashboard {
  const byProvider = rows(minutes, 1);
  const totals = byProvider.reduce<Counts>((sum, row) => addCounts(sum, pickCounts(row)), NO_COUNTS);
  const previous = byProvider.reduce<Counts>((sum, row) => addCounts(sum, row.previous), NO_COUNTS);
  const step = stepSeconds(minutes);
  const steps = Math.round((minutes * 60) / step);
  const counts = new Map(byProvider.map((row): [string, Counts] => [row.provider ?? "", row]));
  return {
    ...period(minutes),
    totals,
    previous,
    rates: rates(totals, previous),
    delay: delay(totals.delivered, 2.4, 96),
    delay_before: delay(previous.delivered, 2.1, 61),
    by_provider: byProvider,
    troubles: troubles(db, PROVIDERS, counts),
    step_seconds: step,
    series: mergeSeries(PROVIDERS.map((provider) => series(provider, steps, step / 60))),
    top_replies: replies(db, PROVIDERS, counts),
    losses: { touches: 0, report_gaps: 0, monitor_gaps: 0, recipients: 0 },
  };
}

function pickCounts(row: Counts): Counts {
  const counts = { ...NO_COUNTS };
  for (const key of Object.keys(counts) as (keyof Counts)[]) counts[key] = row[key];
  return counts;
}

/** What of a provider's numbers falls to one source; the first is treated worst. */
function partOf(counts: Counts, index: number): Counts {
  const part = [0.5, 0.35, 0.15][index] ?? 0;
  const worse = index === 0 ? 1.5 : 0.5;
  const attempts = Math.round(counts.attempts * part);
  const deferred = Math.round(counts.deferred * part * worse);
  const bounced = Math.round(counts.bounced * part);
  return {
    ...NO_COUNTS,
    attempts,
    deferred,
    bounced,
    blocked: Math.min(deferred, Math.round(counts.blocked * part * worse)),
    delivered: attempts - deferred - bounced,
    complaints: Math.round(counts.complaints * part),
  };
}

function matrix(provider: MockProvider, hours: number): MatrixCell[] {
  return series(provider, Math.min(hours, 48), 60).flatMap((point) =>
    SOURCES.slice(0, 3).map((source, index) => {
      const counts = partOf(sumOf([point]), index);
      return {
        source: source.name,
        hour: point.at,
        attempts: counts.attempts,
        delivered: rate(counts.delivered, counts.attempts),
        deferred: rate(counts.deferred, counts.attempts),
        blocked: rate(counts.blocked, counts.attempts),
      };
    }),
  );
}

function provider(db: Db, name: string, hours: number): ProviderDashboard {
  const known = providerOf(name) ?? { ...(PROVIDERS[0] as MockProvider), name, label: name, weight: 0, replies: [] };
  const step = stepSeconds(hours * 60) / 60;
  const steps = Math.round((hours * 60) / step);
  const points = series(known, steps, step);
  const totals = sumOf(points);
  const previous = sumOf(series(known, steps, step, steps));
  const categories = new Map<TopReply["category"], { deferred: number; bounced: number }>();
  const top = replies(db, [known], new Map([[known.name, totals]]));
  for (const reply of top) {
    const entry = categories.get(reply.category ?? "other") ?? { deferred: 0, bounced: 0 };
    entry[reply.code >= 500 ? "bounced" : "deferred"] += reply.count;
    categories.set(reply.category ?? "other", entry);
  }
  return {
    provider: known.name,
    ...period(hours * 60),
    step_seconds: Math.round(step * 60),
    troubles: troubles(db, [known], new Map([[known.name, totals]])),
    totals,
    previous,
    rates: rates(totals, previous),
    delay: delay(totals.delivered, known.p50, known.p95),
    delay_before: delay(previous.delivered, known.p50, known.p95),
    series: points,
    by_source: SOURCES.slice(0, 3).map((source, index) => {
      const counts = partOf(totals, index);
      const before = partOf(previous, index);
      return {
        source: source.name,
        ...counts,
        previous: before,
        rates: rates(counts, before),
        delay: delay(counts.delivered, known.p50 * (1 + index * 0.2), known.p95 * (index === 0 ? 1.2 : 0.8)),
      };
    }),
    matrix: matrix(known, hours),
    by_category: [...categories].map(([category, entry]) => ({ category, family: "reputation", ...entry })),
    top_replies: top,
  };
}

/** The one typed query that the UI asks: attempts by provider and step of time. */
function curves(query: TypedQuery): QueryResult {
  const bucket = query.dimensions?.find((dimension) => dimension.by === "bucket");
  const [, amount = "1", unit = "m"] = /^(\d+)([smh])$/.exec(bucket?.by === "bucket" ? bucket.span : "1m") ?? [];
  const minutes = Number(amount) * ({ s: 1 / 60, m: 1, h: 60 }[unit] ?? 1);
  const whole = (new Date(query.to).getTime() - new Date(query.from).getTime()) / 60_000;
  const rowsOut = PROVIDERS.flatMap((provider) =>
    series(provider, Math.round(whole / minutes), minutes).map((point) => [
      provider.name,
      point.at,
      point.delivered + point.deferred + point.bounced,
    ]),
  );
  const columns: QueryResult["columns"] = [
    { name: "provider", kind: "text" },
    { name: "time", kind: "time" },
    { name: "count", kind: "integer" },
  ];
  const cost = { rows_scanned: rowsOut.length, bytes: 0, ms: 1, segments: 0 };
  return { columns, rows: rowsOut, truncated: false, cost };
}

export const dashboardRoutes: Routes = {
  "POST /query": (call) => ({ json: curves(bodyOf<TypedQuery>(call)) }),
  "GET /dashboards/now": ({ db, query }) => ({ json: now(db, Number(query.get("minutes") ?? 60)) }),
  "GET /dashboards/provider/:name": ({ db, params, query }) => ({
    json: provider(db, params.name ?? "", Number(query.get("hours") ?? 24)),
  }),
  "GET /providers-summary": ({ db }) => {
    const all = rows(144, 10);
    const top = replies(db, PROVIDERS, new Map(all.map((row) => [row.provider ?? "", row])));
    return {
      json: {
        ...period(1440),
        providers: all.map((row) => {
          const reply = top.find((entry) => entry.provider === row.provider);
          return { ...row, top_reply: reply ?? null };
        }),
      },
    };
  },
};
