// What holds for a domain: hosts, provider, pool, sources, limits with who set them.
import type { LimitResolution, QueuePath, Resolution } from "../../app/api/types";
import type { Db } from "../db";
import { invalid, notFound, type Routes } from "../http";
import { type MockProvider, PROVIDERS } from "../seed/providers";
import { POOLS, SOURCES } from "../seed/sources";
import { pathsOf } from "./delivery";
import { rulesOf } from "./rules";

const BUILT_IN = { value: "20", set_by: "built-in default" };

function limitsOf(provider: MockProvider | undefined, source: string): LimitResolution[] {
  const set_by = provider ? `providers.toml, provider ${provider.name}` : "built-in default";
  const of = (key: string, value: string, lost: LimitResolution["lost"] = []) => ({ key, value, set_by, lost });
  const connections = String(provider?.rules.connections ?? 20);
  return [
    source === "mkt-1"
      ? {
          key: "connections",
          value: "4",
          set_by: "source mkt-1",
          lost: [{ value: connections, set_by }, ...(provider ? [BUILT_IN] : [])],
        }
      : of("connections", connections, provider ? [BUILT_IN] : []),
    of("messages_per_connection", String(provider?.rules.messages_per_connection ?? 100)),
    ...(provider?.rules.rate ? [of("rate", provider.rules.rate)] : []),
    { key: "connection_rate", value: "60/min", set_by: "built-in default", lost: [] },
    { key: "recipients_per_transaction", value: "1", set_by: "built-in default", lost: [] },
  ];
}

function sourcesOf(db: Db, provider: MockProvider | undefined, only: string | null): Resolution["sources"] {
  const members = POOLS[0]?.members ?? [];
  return members
    .filter((member) => !only || member.source === only)
    .map((member) => {
      const source = SOURCES.find((entry) => entry.name === member.source);
      const now: QueuePath | undefined = pathsOf(db).find(
        (path) => path.source === member.source && path.provider === provider?.name,
      );
      return {
        name: member.source,
        address: source?.address ?? null,
        ehlo_name: source?.ehlo_name ?? "",
        weight: member.weight,
        standby: member.standby ?? false,
        limits: limitsOf(provider, member.source),
        tls: {
          value: provider?.rules.tls ?? "opportunistic",
          set_by: provider ? `providers.toml, provider ${provider.name}` : "built-in default",
        },
        now: now ?? null,
      };
    });
}

function resolve(db: Db, domain: string, query: URLSearchParams): Resolution {
  const provider = PROVIDERS.find((entry) => entry.domains.includes(domain));
  const only = query.get("source");
  const unknown = domain.endsWith(".invalid");
  return {
    domain,
    live: true,
    site: unknown ? null : (provider?.site ?? `mx.${domain}`),
    provider: provider?.name ?? null,
    hosts: unknown
      ? []
      : (provider?.mx ?? [`mx.${domain}`]).map((name, index) => ({
          name,
          preference: 10 * (index + 1),
          addresses: [`198.51.100.${20 + index}`, `2001:db8:25::${20 + index}`],
          trouble: null,
        })),
    trouble: unknown ? "there is no such domain" : null,
    origin: provider ? "documented by the provider" : null,
    stream: query.get("stream") ?? "marketing",
    stream_as: null,
    pool: "marketing",
    priority: 20,
    sources: sourcesOf(db, provider, only),
    sources_left_out: 0,
    groups: provider
      ? [
          {
            name: "tenant-share",
            budget: `tenant ${query.get("tenant") ?? "default"}, provider ${provider.name}`,
            limits: "300/min messages, 20 connections",
            perhaps: false,
            set_by: "queue.groups[0]",
          },
        ]
      : [],
    retries: [
      { value: "10m doubling to 4h", set_by: "queue.retries[0] (category greylisted)" },
      { value: "5m doubling to 2h", set_by: "stream marketing" },
    ],
    max_age: { value: "3d", set_by: "stream marketing" },
    rules: rulesOf(db)
      .filter((rule) => rule.providers.length === 0 || rule.providers.includes(provider?.name ?? ""))
      .map(({ name, actions, scope, set_by, shadow }) => ({ name, actions, scope, set_by, shadow })),
  };
}

export const resolveRoutes: Routes = {
  "GET /resolve": ({ db, query }) => {
    const asked = (query.get("domain") ?? "").trim().toLowerCase();
    const domain = asked.slice(asked.lastIndexOf("@") + 1);
    if (!/^[a-z0-9.-]+$/.test(domain)) throw invalid(`"${asked}" is not the name of a domain`, "domain");
    const source = query.get("source");
    if (source && !SOURCES.some((entry) => entry.name === source)) throw notFound("source");
    return { json: resolve(db, domain, query) };
  },
};
