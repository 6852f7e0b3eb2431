// Search and histories.
import type { HistoryState, MailEvent, RecipientSummary } from "../../app/api/types";
import { notFound, page, type Routes } from "../http";
import { hintsOf, parseSearch } from "../search";
import type { MockRecipient } from "../seed/events";

function withoutTranscript(event: MailEvent): MailEvent {
  if (!event.attempt?.transcript) return event;
  const { transcript: _transcript, ...attempt } = event.attempt;
  return { ...event, attempt };
}

function summary(entry: MockRecipient): RecipientSummary {
  const last = entry.events.findLast((event) => event.attempt)?.attempt;
  const final = entry.state !== "queued" && entry.state !== "deferred";
  const received = entry.events[0]?.at ?? entry.at;
  return {
    recipient: entry.recipient,
    message: entry.message,
    address: entry.address,
    campaign: entry.campaign,
    provider: entry.provider,
    state: entry.state,
    attempts: entry.attempts,
    received_at: received,
    finished_at: final ? entry.at : null,
    next_attempt: final ? null : (last?.next_attempt ?? null),
    last_reply: last?.reply ?? null,
    last_error: null,
    opens: entry.opened ? 1 : 0,
    clicks: entry.clicked ? 1 : 0,
    complained: entry.complained,
    unsubscribed: entry.unsubscribed,
    last_event: entry.events[entry.events.length - 1]?.at ?? received,
  };
}

const RECIPIENTS_MAX = 200;

export const monitoringRoutes: Routes = {
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
    const cost = {
      rows_scanned: all.length,
      bytes: all.length * 220,
      ms: Math.round(performance.now() - started),
      segments: 3,
    };
    const hints = query.get("after") ? [] : hintsOf(query.get("q") ?? "", all);
    return { json: { ...page(found, query), cost, hints } };
  },
  "GET /messages/:id": ({ db, params }) => {
    const own = db.recipients.filter((entry) => entry.message === params.id);
    const first = own[0];
    if (!first) throw notFound(`message ${params.id}`);
    const counts = new Map<HistoryState, number>();
    for (const entry of own) counts.set(entry.state, (counts.get(entry.state) ?? 0) + 1);
    return {
      json: {
        message: first.message,
        campaign: first.campaign,
        stream: "marketing",
        tenant: "default",
        sender: "bounce.verriere.example",
        received_at: first.events[0]?.at ?? first.at,
        states: [...counts].map(([state, count]) => ({ state, count })),
        recipients: own.slice(0, RECIPIENTS_MAX).map(summary),
        events: [],
        truncated: own.length > RECIPIENTS_MAX,
      },
    };
  },
  "GET /recipients": ({ db, query }) => {
    const address = (query.get("address") ?? "").toLowerCase();
    return { json: { items: db.recipients.filter((entry) => entry.address === address).map(summary), next: null } };
  },
  "GET /recipients/:id": ({ db, params }) => {
    const entry = db.recipients.find((known) => known.recipient === params.id);
    if (!entry) throw notFound(`recipient ${params.id}`);
    return { json: { ...summary(entry), events: entry.events, truncated: false } };
  },
};
