// Rules about replies: counts, shadow, findings, what has been learned.
import type { ActiveEffect, RuleDetail, Shaping } from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, notFound, type Routes } from "../http";
import { PROVIDERS, providerOf } from "../seed/providers";
import { FINDINGS, type MockRule, RULES } from "../seed/rules";

function lastReply(rule: MockRule) {
  const said = providerOf(rule.providers[0] ?? "")?.replies.find((reply) => reply.blocked);
  return said ? { code: said.code, ...(said.enhanced ? { enhanced: said.enhanced } : {}), text: said.sample } : null;
}

function activeOf(db: Db, rule: MockRule, shadow: boolean): ActiveEffect[] {
  const reply = lastReply(rule);
  if (!rule.inForce || shadow || !reply) return [];
  const { target, name, minutes } = rule.inForce;
  const until = new Date(db.startedAt + minutes * 60_000).toISOString();
  return [{ rule: rule.name, target, name, host: null, action: rule.actions.join(", "), until, reply }];
}

/** Rules with a story of their own first, then those that the other providers have. */
const ALL: MockRule[] = [
  ...RULES,
  ...PROVIDERS.filter((provider) => !RULES.some((rule) => rule.providers.includes(provider.name))).flatMap((provider) =>
    provider.rules.rules.map(
      ({ pattern, name, ...rule }): MockRule => ({
        ...rule,
        name: `${provider.name}-${name.replace(/\D+/g, "")}`,
        providers: [provider.name],
        patterns: [pattern],
        codes: [],
        phases: [],
        scope: "path",
        shadow: false,
        samples: [],
        origin: null,
        hits: 0,
        fired: 0,
        lastMinutesAgo: null,
      }),
    ),
  ),
];

export function rulesOf(db: Db): RuleDetail[] {
  return ALL.map((rule) => {
    const { hits, fired, lastMinutesAgo, inForce: _, ...detail } = rule;
    const shadow = db.shadows.get(rule.name) ?? rule.shadow;
    return {
      ...detail,
      shadow,
      counts: {
        hits,
        fired: rule.shadow ? 0 : fired,
        would_have_fired: rule.shadow ? fired : 0,
        last_at: lastMinutesAgo === null ? null : new Date(Date.now() - lastMinutesAgo * 60_000).toISOString(),
        last_reply: lastMinutesAgo === null ? null : lastReply(rule),
      },
      active: activeOf(db, rule, shadow),
    };
  });
}

function ruleOf(db: Db, name: string | undefined): RuleDetail {
  const rule = rulesOf(db).find((entry) => entry.name === name);
  if (!rule) throw notFound("rule");
  return rule;
}

function shaping(db: Db): Shaping {
  const all = rulesOf(db);
  const counts = all.flatMap((rule) =>
    rule.counts && rule.counts.hits > 0 ? [{ name: rule.name, ...rule.counts }] : [],
  );
  const reply = lastReply(RULES[1] as MockRule);
  return {
    active: all.flatMap((rule) => rule.active),
    counts,
    learned: [
      {
        source: "mkt-1",
        provider: "outlook",
        site: null,
        stream: "marketing",
        value: "42/min",
        refused_per_s: 1.1,
        until: new Date(db.startedAt + 14 * 60_000).toISOString(),
        reply,
      },
      {
        source: "mkt-2",
        provider: "gmx",
        site: "mx00.gmx.net",
        stream: null,
        value: "3 connections",
        refused_per_s: null,
        until: new Date(db.startedAt + 6 * 60_000).toISOString(),
        reply: null,
      },
    ],
    shadows: Object.fromEntries(db.shadows),
    shared: [
      {
        of: "of tenant default to outlook",
        set_by: "queue.groups[0]",
        connections: 8,
        connections_max: 20,
        waiting: 0,
        rate: "300/min",
        byte_rate: null,
        opens_at: null,
      },
    ],
  };
}

export const ruleRoutes: Routes = {
  "GET /rules": ({ db }) => ({ json: { items: rulesOf(db), next: null } }),
  "GET /rules/:name": ({ db, params }) => ({ json: ruleOf(db, params.name) }),
  "POST /rules/:name/shadow": (call) => {
    const { name } = ruleOf(call.db, call.params.name);
    call.db.shadows.set(name, bodyOf<{ shadow: boolean }>(call).shadow);
    return { json: ruleOf(call.db, name) };
  },
  "GET /rules-findings": () => ({ json: { items: FINDINGS, next: null } }),
  "GET /shaping": ({ db }) => ({ json: shaping(db) }),
};
