// Mail in the queue: search with groups, orders about many. Mails that were deferred or are queued play the queue.
import type {
  BulkEntry,
  BulkOrder,
  BulkResult,
  QueuedRecipient,
  QueueFilter,
  QueueGroup,
  QueueGroups,
  QueueSearch,
} from "../../app/api/types";
import { FILTER_TERMS, filterOf, termsOf } from "../../app/util/queue-filter";
import type { Db } from "../db";
import { bodyOf, invalid, type Routes } from "../http";
import { PROVIDERS } from "../seed/providers";

function queued(db: Db): QueuedRecipient[] {
  return db.recipients
    .filter((entry) => entry.state === "deferred" || entry.state === "queued")
    .map((entry, index) => {
      const attempt = entry.events.findLast((event) => event.attempt)?.attempt;
      const received = entry.events[0]?.at ?? entry.at;
      return {
        recipient: entry.recipient,
        message: entry.message,
        campaign: entry.campaign,
        tenant: "default",
        stream: index % 5 === 0 ? "transactional" : "marketing",
        job: "autumn-catalogue",
        domain: entry.address.split("@")[1] ?? "",
        state: "scheduled" as const,
        held: db.bulkOrders.some((order) => order.action === "hold" && matches(db, entry.recipient, order.filter)),
        attempts: entry.attempts,
        due: attempt?.next_attempt ?? received,
        source: index % 3 === 0 ? "mkt-1" : null,
        site: PROVIDERS.find((provider) => provider.name === entry.provider)?.site ?? null,
        category: attempt?.category ?? null,
        received_at: received,
        expires_at: new Date(new Date(received).getTime() + 4 * 86_400_000).toISOString(),
      };
    });
}

function matches(db: Db, recipient: string, filter: string): boolean {
  const entry = db.recipients.find((other) => other.recipient === recipient);
  return termsOf(filter === "everything" ? "" : filter).every(({ term, value }) => {
    if (term === "domain") return entry?.address.endsWith(`@${value}`);
    if (term === "provider") return entry?.provider === value;
    return false;
  });
}

function found(db: Db, filter: QueueFilter): QueuedRecipient[] {
  const provider = PROVIDERS.find((entry) => entry.name === filter.provider);
  return queued(db).filter(
    (row) =>
      (!filter.domain || row.domain === filter.domain) &&
      (!filter.provider || row.site === provider?.site) &&
      (!filter.campaign || row.campaign === filter.campaign) &&
      (!filter.tenant || row.tenant === filter.tenant) &&
      (!filter.stream || row.stream === filter.stream) &&
      (!filter.job || row.job === filter.job) &&
      (!filter.category || row.category === filter.category) &&
      (!filter.state || filter.state === (row.held ? "held" : row.state)) &&
      (!filter.attempts || row.attempts >= filter.attempts),
  );
}

function groups(rows: QueuedRecipient[]): QueueGroups {
  const by = (value: (row: QueuedRecipient) => string | null | undefined): QueueGroup[] => {
    const counts = new Map<string, number>();
    for (const row of rows) {
      const name = value(row);
      if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, recipients]) => ({ name, recipients })).sort((a, b) => b.recipients - a.recipients);
  };
  return {
    domains: by((row) => row.domain),
    providers: by((row) => PROVIDERS.find((entry) => entry.site === row.site)?.name),
    tenants: by((row) => row.tenant),
    streams: by((row) => row.stream),
    jobs: by((row) => row.job),
    campaigns: by((row) => row.campaign),
    states: by((row) => (row.held ? "held" : row.state)),
  };
}

function check(filter: string) {
  for (const { term, value } of termsOf(filter)) {
    if (!value || ![...FILTER_TERMS, "before"].includes(term))
      throw invalid(
        `"${value ? `${term}:${value}` : term}" is not a term of a filter: write TERM:VALUE with one of ${FILTER_TERMS.join(", ")}`,
        "filter",
      );
  }
}

export const queueMailRoutes: Routes = {
  "GET /queues/recipients": ({ db, query }): { json: QueueSearch } => {
    const filter = query.get("filter") ?? "";
    check(filter);
    const rows = found(db, filterOf(filter));
    const key = query.get("sort") === "age" ? "received_at" : "due";
    rows.sort((a, b) => a[key].localeCompare(b[key]));
    const from = Number(query.get("after") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    const next = from + limit < rows.length ? String(from + limit) : null;
    return { json: { total: rows.length, items: rows.slice(from, from + limit), next, groups: groups(rows) } };
  },
  "GET /queues/orders": ({ db }) => ({ json: { items: db.bulkOrders, next: null } }),
  "POST /queues/orders": (call): { json: BulkResult } => {
    const { db } = call;
    const order = bodyOf<BulkOrder>(call);
    const number = db.bulkOrders.length + 1;
    if (order.action === "release") {
      const ended = db.bulkOrders.find((entry) => entry.order === order.hold);
      db.bulkOrders = db.bulkOrders.filter((entry) => entry !== ended);
      return { json: resultOf([], ended?.affected ?? 0, false, null) };
    }
    const filter = order.filter ?? {};
    if (Object.keys(filter).length === 0 && !order.everything)
      throw invalid(
        "no term is given, which would concern the whole queue: say so explicitly (`everything`)",
        "filter",
      );
    const rows = found(db, filter);
    if (!order.dry_run) {
      const text = Object.entries(filter).map(([term, value]) => `${term}:${value}`);
      const entry: BulkEntry = {
        order: number,
        action: order.action,
        filter: text.join(" ") || "everything",
        value: order.pool ?? order.source ?? (order.priority == null ? null : String(order.priority)),
        by: db.loggedIn?.email ?? "",
        reason: order.reason ?? "",
        since: new Date().toISOString(),
        affected: rows.length,
        done: 0,
        at_work: order.action !== "hold",
      };
      if (order.action !== "requeue") db.bulkOrders.push(entry);
    }
    return { json: resultOf(rows, rows.length, order.dry_run ?? false, order.dry_run ? null : number) };
  },
};

const resultOf = (rows: QueuedRecipient[], affected: number, dry_run: boolean, order: number | null): BulkResult => ({
  order,
  affected,
  in_flight: 0,
  dry_run,
  examples: rows.slice(0, 10),
  groups: groups(rows),
});
