// Queues, sources, provider rules, explanations, control.
import type {
  Control,
  Explanation,
  ProviderRules,
  QueueDomain,
  QueuePath,
  Queues,
  Source,
  Throttle,
} from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, notFound, Refusal, type Routes } from "../http";
import { type MockProvider, PROVIDERS } from "../seed/providers";
import { POOLS, SOURCES } from "../seed/sources";

/** Those that send: the one that is down has no paths, and the standby has nobody to stand in for. */
const MARKETING = SOURCES.filter((source) => source.name.startsWith("mkt-") && !source.broken);

const rulePlace = (name: string) => `rule ${name} (providers.toml line 225)`;

function throttleOf(
  db: Db,
  source: string,
  provider: MockProvider,
): { throttle: Throttle; connections: number; rate: string | null } | null {
  const until = (minutes: number) => new Date(db.startedAt + minutes * 60_000).toISOString();
  const held = db.controls.find(
    (entry) => entry.target.name === `${source}/${provider.site}` || entry.target.name === source,
  );
  if (held)
    return {
      throttle: {
        stopped: true,
        reason: `the ${held.target.kind} is suspended`,
        until: held.until,
        by: held.by,
        reply: null,
      },
      connections: 0,
      rate: null,
    };
  const said = provider.replies.find((reply) => reply.blocked);
  const reply = said
    ? { code: said.code, ...(said.enhanced ? { enhanced: said.enhanced } : {}), text: said.sample }
    : null;
  if (provider.name === "orange")
    return {
      throttle: {
        stopped: false,
        reason: "1 connection",
        until: until(38),
        by: rulePlace("orange-connections"),
        reply,
      },
      connections: 1,
      rate: null,
    };
  if (provider.name === "outlook" && source === "mkt-1")
    return {
      throttle: { stopped: false, reason: "1/min", until: until(71), by: rulePlace("microsoft-rate-limited"), reply },
      connections: 1,
      rate: "1/min",
    };
  if (provider.name === "yahoo" && source === "mkt-2")
    return {
      throttle: {
        stopped: true,
        reason: "suspended by a rule",
        until: until(104),
        by: rulePlace("yahoo-tss04"),
        reply,
      },
      connections: 0,
      rate: null,
    };
  return null;
}

export function pathsOf(db: Db): QueuePath[] {
  const share = db.queue.ready / 100;
  return PROVIDERS.flatMap((provider) =>
    MARKETING.map((source, index): QueuePath => {
      const slowed = throttleOf(db, source.name, provider);
      const weight = provider.weight * ([0.6, 0.4][index] ?? 0);
      const ready = Math.round(share * weight * (slowed ? 1.9 : 0.9));
      const connections_now = slowed ? slowed.connections : provider.rules.connections;
      const connections = ready > 0 ? Math.min(connections_now, Math.ceil(ready / 12)) : 0;
      const said = provider.replies[index % provider.replies.length];
      return {
        source: source.name,
        site: provider.site,
        provider: provider.name,
        ready,
        backlog: index === 0 ? Math.round(share * provider.weight * 0.2) : 0,
        in_flight: connections * 2,
        connections,
        limits: {
          connections: provider.rules.connections,
          messages_per_connection: provider.rules.messages_per_connection,
          rate: provider.rules.rate,
          connections_now,
          rate_now: slowed?.rate ?? provider.rules.rate,
          provider_connections: provider.rules.connections * 2,
          provider_rate: null,
          connection_rate: "60/min",
          recipients_per_transaction: 1,
          tls: provider.rules.tls,
          set_by: `data/providers.toml, ${provider.name}`,
        },
        throttle: slowed?.throttle ?? null,
        last_reply: said
          ? {
              at: new Date(Date.now() - 8_000 * (index + 1)).toISOString(),
              phase: "dot",
              reply: { code: said.code, ...(said.enhanced ? { enhanced: said.enhanced } : {}), text: said.sample },
              error: null,
              category: said.category,
            }
          : null,
        counts: {
          delivered: Math.round(weight * 220),
          deferred: Math.round(weight * 220 * provider.defer),
          bounced: Math.round(weight * 220 * provider.bounce),
        },
        delivered_per_s: connections === 0 ? 0 : Math.round(weight * 2.1) / 10,
      };
    }),
  );
}

function domains(db: Db): QueueDomain[] {
  const share = (db.queue.ready + db.queue.scheduled) / 100;
  return PROVIDERS.flatMap((provider) =>
    provider.domains.map((domain, index) => ({
      domain,
      site: provider.site,
      provider: provider.name,
      recipients: Math.round((share * provider.weight) / (index + 1.4)),
    })),
  ).sort((a, b) => b.recipients - a.recipients);
}

function traffic(db: Db): Queues["traffic"] {
  const amount = (recipients: number) => ({ recipients, messages: recipients, bytes: recipients * 48_000 });
  const flow = (total: number): Queues["traffic"]["inbound"] => ({
    total: amount(total),
    last_hour: amount(Math.round(total / 20)),
    top_hour: amount(Math.round(total / 9)),
    last_minute: amount(Math.round(total / 1_300)),
    top_minute: amount(Math.round(total / 400)),
  });
  return {
    started_at: new Date(db.startedAt - 31 * 3_600_000).toISOString(),
    inbound: flow(db.queue.done + db.queue.ready + db.queue.scheduled),
    outbound: flow(db.queue.done),
    connections_top: 412,
    connections_max: 4_000,
  };
}

function explain(db: Db, id: string): Explanation {
  const recipient = db.recipients.find((entry) => entry.recipient === id);
  if (!recipient || (recipient.state !== "deferred" && recipient.state !== "queued"))
    throw notFound("recipient in the queue; its history tells how it ended");
  const attempt = recipient.events.findLast((event) => event.attempt)?.attempt;
  const received = recipient.events[0]?.at ?? recipient.at;
  const provider = PROVIDERS.find((entry) => entry.name === recipient.provider);
  const held = db.controls.some((entry) => entry.target.name === id);
  return {
    recipient: id,
    message: recipient.message,
    campaign: recipient.campaign,
    domain: recipient.address.split("@")[1] ?? "",
    state: "scheduled",
    held,
    attempts: recipient.attempts,
    due: attempt?.next_attempt ?? received,
    source: "mkt-1",
    site: provider?.site ?? null,
    tenant: "default",
    stream: "marketing",
    job: "autumn-catalogue",
    provider: recipient.provider,
    category: attempt?.category ?? null,
    received_at: received,
    expires_at: new Date(new Date(received).getTime() + 3 * 86_400_000).toISOString(),
    ahead: 42,
    limiter: {
      kind: held ? "hold" : "retry-schedule",
      text: held
        ? "A person holds this recipient; it is attempted after its release."
        : "The last attempt was deferred; the retry schedule lets the next one begin later.",
      value: held ? null : "8 min after attempt 2",
      set_by: held ? "ops@verriere.example" : "queue.retry in ies.toml",
      until: held ? null : (attempt?.next_attempt ?? null),
    },
    also:
      provider?.name === "orange"
        ? [
            {
              kind: "path-connections",
              text: "The path mkt-1 → smtp-in.orange.fr has its one connection in use.",
              value: "1 connection",
              set_by: rulePlace("orange-connections"),
              until: new Date(db.startedAt + 2_280_000).toISOString(),
            },
          ]
        : [],
    next_at: attempt?.next_attempt ?? null,
    last_reply: attempt?.reply
      ? { at: recipient.at, phase: "dot", reply: attempt.reply, error: null, category: attempt.category ?? null }
      : null,
  };
}

export const deliveryRoutes: Routes = {
  "GET /queues": ({ db }) => {
    const all = pathsOf(db);
    return {
      json: {
        at: new Date().toISOString(),
        totals: db.queue,
        connections: all.reduce((sum, path) => sum + path.connections, 0),
        lookups: 0,
        paths: all,
        paths_total: all.length,
        domains: domains(db).slice(0, 10),
        domains_total: 412,
        campaigns: [],
        controls: db.controls,
        traffic: traffic(db),
      },
    };
  },
  "GET /queues/paths/:source/:site": ({ db, params }) => {
    const path = pathsOf(db).find((entry) => entry.source === params.source && entry.site === params.site);
    if (!path) throw notFound("path with mail, now or lately");
    return { json: path };
  },
  "GET /sources": ({ db }) => ({
    json: {
      items: SOURCES.map(({ broken, ...source }): Source => {
        const own = pathsOf(db).filter((path) => path.source === source.name);
        const sum = (value: (path: QueuePath) => number) => own.reduce((total, path) => total + value(path), 0);
        return {
          ...source,
          suspended: db.controls.some((entry) => entry.target.name === source.name),
          suspension: db.controls.find((entry) => entry.target.name === source.name) ?? null,
          ready: sum((path) => path.ready),
          in_flight: sum((path) => path.in_flight),
          connections: sum((path) => path.connections),
          down: broken
            ? {
                since: new Date(db.startedAt - 47 * 60_000).toISOString(),
                reason: broken,
                next_check: new Date(Date.now() + 12_000).toISOString(),
              }
            : null,
        };
      }),
      next: null,
    },
  }),
  "GET /pools": () => ({ json: { items: POOLS, next: null } }),
  "GET /providers": ({ db }) => ({
    json: {
      items: PROVIDERS.map((provider): ProviderRules => {
        const active = pathsOf(db).flatMap((path) =>
          path.provider === provider.name && path.throttle
            ? [{ source: path.source, site: path.site, throttle: path.throttle }]
            : [],
        );
        return {
          name: provider.name,
          label: provider.label,
          ...provider.rules,
          active,
          active_total: active.length,
        };
      }),
      next: null,
    },
  }),
  "GET /recipients/:id/explain": ({ db, params }) => ({ json: explain(db, params.id ?? "") }),
  "POST /control": (call) => {
    const { target, action, dry_run = false, reason = "" } = bodyOf<Control>(call);
    const route = action === "suspend" || action === "resume";
    const mail = ["campaign", "job", "message", "recipient", "domain"].includes(target.kind);
    if (route === mail)
      throw new Refusal(
        400,
        "invalid",
        `a ${target.kind} cannot be told to ${action}: mail is held, released or cancelled, routes are suspended or resumed`,
        { field: "action" },
      );
    const own = pathsOf(call.db).filter(
      (path) => path.source === target.name || `${path.source}/${path.site}` === target.name,
    );
    const affected =
      target.kind === "recipient" || target.kind === "message"
        ? 1
        : own.reduce((sum, path) => sum + path.ready + path.in_flight, 0);
    if (!dry_run) {
      call.db.controls = call.db.controls.filter((entry) => entry.target.name !== target.name);
      if (action === "hold" || action === "suspend")
        call.db.controls.push({
          target,
          action,
          by: call.db.loggedIn?.email ?? "",
          since: new Date().toISOString(),
          until: null,
          reason,
        });
    }
    return { json: { affected, dry_run } };
  },
};
