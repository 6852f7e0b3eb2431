// Queues, paths, sources, pools, provider rules, explanations, control.
import type { Id, Reply, Timestamp } from "./common";

export interface QueueTotals {
  scheduled: number;
  ready: number;
  in_flight: number;
  /** Finished since the start of the process. */
  done: number;
}

/** A temporary restriction of a path. */
export interface Throttle {
  action: "suspend" | "limit";
  /** The reply or sentence that caused it. */
  reason: string;
  /** The limit in words (`1 connection`, `10/min`); null when suspended. */
  value: string | null;
  until: Timestamp | null;
  /** Rule or person. */
  by: string;
}

export interface PathLimits {
  connections: number;
  messages_per_connection: number;
  /** `100/min`; null = no rate limit. */
  rate: string | null;
}

export interface QueuePath {
  source: string;
  site: string;
  provider: string | null;
  ready: number;
  in_flight: number;
  connections: number;
  limits: PathLimits;
  throttle: Throttle | null;
  last_reply: (Reply & { at: Timestamp }) | null;
}

export interface QueueDomain {
  domain: string;
  provider: string | null;
  scheduled: number;
  ready: number;
  /** Age of the oldest recipient, in seconds. */
  oldest_s: number;
}

/** `GET /queues`. */
export interface Queues {
  at: Timestamp;
  totals: QueueTotals;
  paths: QueuePath[];
  domains: QueueDomain[];
}

export interface PathSession {
  session: Id;
  state: "connecting" | "idle" | "sending" | "closing";
  mx_host: string | null;
  mx_address: string | null;
  /** Messages sent on this connection. */
  sent: number;
  since: Timestamp;
}

export interface WaitingRecipient {
  recipient: Id;
  domain: string;
  campaign: Id | null;
  attempts: number;
  due: Timestamp;
}

/** `GET /queues/paths/{source}/{site}`. */
export interface PathDetail {
  at: Timestamp;
  path: QueuePath;
  mx_hosts: string[];
  /** Which limit has which value, and who set it: the configuration, a provider rule, a reply, a person. */
  origins: { limit: string; value: string; set_by: string; until: Timestamp | null }[];
  sessions: PathSession[];
  /** The next recipients to go, at most 50. */
  waiting: WaitingRecipient[];
}

export interface Source {
  name: string;
  address: string;
  ehlo: string;
  pools: string[];
  suspended: boolean;
  ready: number;
  in_flight: number;
  connections: number;
}

export interface Pool {
  name: string;
  members: { source: string; weight: number }[];
}

/** One rule of a provider's file and what it does at the moment. */
export interface ProviderRule {
  /** What the reply must look like. */
  pattern: string;
  /** In words: `suspend`, `1 connection`, `10/min`. */
  action: string;
  duration_s: number;
  /** `3/h`; null = at the first reply. */
  threshold: string | null;
}

export interface ProviderRules {
  name: string;
  label: string;
  /** MX suffixes. */
  match: string[];
  limits: PathLimits;
  tls: string;
  rules: ProviderRule[];
  /** What is in force now, on which path. */
  active: { source: string; site: string; throttle: Throttle }[];
  postmaster_url: string | null;
  notes: string;
}

/** `GET /recipients/{id}/explain`. */
export interface Explanation {
  recipient: Id;
  address: string;
  state: "scheduled" | "ready" | "in-flight" | "held" | "done";
  /** What it waits for: `retry-delay`, `connections`, `rate`, `throttle`, `hold`, `suspended`, `none` … */
  limiter: string;
  value: string | null;
  set_by: string | null;
  next_at: Timestamp | null;
  attempts: number;
  source: string | null;
  site: string | null;
  /** The same as a sentence, in English. */
  sentence: string;
}

export type ControlKind = "campaign" | "job" | "source" | "site" | "path" | "recipient";
export type ControlAction = "hold" | "release" | "cancel" | "suspend" | "resume";

/** `POST /control`. The name of a path is `source/site`. */
export interface Control {
  target: { kind: ControlKind; name: string };
  action: ControlAction;
  dry_run: boolean;
}

export interface ControlResult {
  affected: number;
}
