// What the mock knows of a mailbox provider: share of the audience, how it behaves, what it says.
import type { ProviderRules, TopReply } from "../../app/api/types";

export interface MockReply {
  kind: "deferred" | "bounced";
  category: NonNullable<TopReply["category"]>;
  code: number;
  enhanced?: string;
  template: string;
  sample: string;
  weight: number;
  blocked?: boolean;
}

export interface MockProvider {
  name: string;
  label: string;
  weight: number;
  domains: string[];
  mx: string[];
  site: string;
  defer: number;
  bounce: number;
  p50: number;
  p95: number;
  open: number;
  click: number;
  replies: MockReply[];
  rules: Omit<ProviderRules, "active" | "active_total" | "name" | "label">;
}

export const noUser = (text: string, weight = 6, enhanced = "5.1.1"): MockReply => ({
  kind: "bounced",
  category: "bad-mailbox",
  code: 550,
  enhanced,
  template: text.replace(/<[^>]+>/, "<{address}>"),
  sample: text,
  weight,
});

export const rules = (
  match: string[],
  connections: number,
  perConnection: number,
  rate: string | null,
  tls: "required" | "opportunistic",
  postmaster: string | null,
  list: [string, string, number, string | null][],
): MockProvider["rules"] => ({
  suffixes: match,
  connections,
  messages_per_connection: perConnection,
  rate,
  tls,
  set_by: "data/providers.toml",
  rules: list.map(([pattern, action, seconds, threshold], index) => ({
    name: `rule ${index + 1}`,
    pattern,
    actions: [action],
    threshold,
    duration: seconds % 3600 === 0 ? `${seconds / 3600}h` : `${seconds / 60}m`,
    set_by: "data/providers.toml",
  })),
  postmaster_url: postmaster,
});
