// Queues, paths, sources, pools, provider rules, explanations, control. Queue shapes: `queue::view`, `queue::control`.
import type { Id, Reply, Timestamp } from "./common";

export interface QueueTotals {
  /** Waiting for their time, a route, room, or a person; held ones included. */
  scheduled: number;
  /** Of the scheduled ones, those held by a person. */
  held: number;
  ready: number;
  in_flight: number;
  /** Finished since the start of the process. */
  done: number;
}

/** What slows or stops a path for a time. */
export interface Throttle {
  reason: string;
  /** Open (null) when a person has to end it. */
  until: Timestamp | null;
  /** Rule, controller or person. */
  by: string;
  /** The reply that caused it. */
  reply: Reply | null;
}

export type TlsPolicy = "opportunistic" | "required" | "none";

/** Limits as configured and as they are now. Rates as text: `100/min`. */
export interface PathLimits {
  connections: number;
  /** 0 = suspended. */
  connections_now: number;
  rate: string | null;
  rate_now: string | null;
  provider_connections: number | null;
  provider_rate: string | null;
  connection_rate: string | null;
  messages_per_connection: number;
  recipients_per_transaction: number;
  tls: TlsPolicy;
  /** Where these values stand. */
  set_by: string;
}

/** A reply, or a failure without one. */
export interface LastReply {
  at: Timestamp;
  phase: string | null;
  reply: Reply | null;
  error: string | null;
  category: string | null;
}

/** Items of `GET /queues`; the answer of `GET /queues/paths/{source}/{site}`. */
export interface QueuePath {
  source: string;
  site: string;
  provider: string;
  /** Recipients bound to this path. */
  ready: number;
  /** Due for the site, not bound to a source yet. */
  backlog: number;
  in_flight: number;
  connections: number;
  limits: PathLimits;
  throttle: Throttle | null;
  last_reply: LastReply | null;
  /** Attempts since the program started. */
  counts: { delivered: number; deferred: number; bounced: number };
  /** Over the last half minute. */
  delivered_per_s: number;
}

export interface QueueDomain {
  domain: string;
  recipients: number;
  site: string | null;
  provider: string | null;
}

/** Something that a person has held or suspended. */
export interface ControlEntry {
  target: ControlTarget;
  /** `hold` or `suspend`. */
  action: ControlAction;
  by: string;
  since: Timestamp;
  until: Timestamp | null;
}

/** `GET /queues`. */
export interface Queues {
  at: Timestamp;
  totals: QueueTotals;
  connections: number;
  /** The busiest paths, and how many there are in all. */
  paths: QueuePath[];
  paths_total: number;
  domains: QueueDomain[];
  domains_total: number;
  controls: ControlEntry[];
}

/** Items of `GET /sources`. */
export interface Source {
  name: string;
  /** Own address; null = the one the system chooses. */
  address: string | null;
  ehlo_name: string;
  pools: string[];
  suspended: boolean;
  ready: number;
  in_flight: number;
  connections: number;
}

/** Items of `GET /pools`. */
export interface Pool {
  name: string;
  members: { source: string; weight: number }[];
}

/** What a reply does to the limits of a path. */
export interface ProviderRule {
  name: string;
  /** What the reply must look like (a regular expression). */
  pattern: string;
  /** In words: `suspend`, `1 connection`, `10/min`. */
  actions: string[];
  /** How many such replies in what time (`3/h`); null = at the first one. */
  threshold: string | null;
  /** For how long: `30m`. */
  duration: string;
  /** Where it stands. */
  set_by: string;
}

/** Items of `GET /providers`. */
export interface ProviderRules {
  name: string;
  /** MX suffixes. */
  suffixes: string[];
  connections: number;
  messages_per_connection: number;
  rate: string | null;
  tls: TlsPolicy;
  set_by: string;
  rules: ProviderRule[];
  /** What is in force now, on which path. */
  active: { source: string; site: string; throttle: Throttle }[];
  /** For people; shown when given. */
  label?: string | null;
  postmaster_url?: string | null;
  notes?: string | null;
}

/** One thing that makes a recipient wait. */
export interface Limiter {
  /** `retry-schedule`, `hold`, `path-rate` … */
  kind: string;
  /** A sentence, in English. */
  text: string;
  value: string | null;
  set_by: string;
  until: Timestamp | null;
}

/** `GET /recipients/{id}/explain`; 404 when it is not in the queue any more. */
export interface Explanation {
  recipient: Id;
  message: Id;
  campaign: Id | null;
  domain: string;
  state: "scheduled" | "ready" | "in-flight";
  held: boolean;
  attempts: number;
  due: Timestamp;
  source: string | null;
  site: string | null;
  stream: string;
  job: string;
  provider: string | null;
  received_at: Timestamp;
  expires_at: Timestamp;
  /** How many leave before it on its path, at least. */
  ahead: number | null;
  /** Null while it is being delivered. */
  limiter: Limiter | null;
  /** What else would make it wait after that. */
  also: Limiter[];
  next_at: Timestamp | null;
  last_reply: LastReply | null;
}

export type ControlKind =
  | "campaign"
  | "job"
  | "message"
  | "recipient"
  | "domain"
  | "source"
  | "site"
  | "provider"
  | "path";
/** Mail is held, released, cancelled; routes (source, site, provider, path) are suspended, resumed. */
export type ControlAction = "hold" | "release" | "cancel" | "suspend" | "resume";

/** The name of a path is `source/site`. */
export interface ControlTarget {
  kind: ControlKind;
  name: string;
}

/** `POST /control`. */
export interface Control {
  target: ControlTarget;
  action: ControlAction;
  dry_run: boolean;
}

export interface ControlResult {
  affected: number;
  dry_run: boolean;
}
