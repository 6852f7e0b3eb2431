// Event JSON, the same names as `model::event::Event` (absent values are left out).
import type { Id, Reply, Timestamp } from "./common";

export type EventKind =
  | "received"
  | "rejected"
  | "delivered"
  | "deferred"
  | "bounced"
  | "expired"
  | "suppressed"
  | "remote-bounce"
  | "complaint"
  | "opened"
  | "clicked"
  | "unsubscribed"
  | "throttled"
  | "restored"
  | "control"
  | "connection-failed"
  | "inbound";

export interface Attempt {
  number: number;
  site?: string;
  mx_host?: string;
  mx_address?: string;
  source_address?: string;
  phase?: string;
  reply?: Reply;
  error?: string;
  category?: string;
  scope?: string;
  suppress?: boolean;
  tls?: string;
  next_attempt?: Timestamp;
  queued_ms?: number;
  connect_ms?: number;
  tls_ms?: number;
  transaction_ms?: number;
  /** Lines `S: …` and `C: …`; left out in searches. */
  transcript?: string;
}

export interface MailEvent {
  v: number;
  id: string;
  at: Timestamp;
  kind: EventKind;
  message?: Id;
  recipient?: Id;
  address?: string;
  sender?: string;
  tenant?: string;
  stream?: string;
  job?: string;
  campaign?: Id;
  contact?: Id;
  provider?: string;
  source?: string;
  origin?: unknown;
  attempt?: Attempt;
  report?: {
    what: string;
    reporter?: string;
    reply?: Reply;
    category?: string;
    suppress?: boolean;
    source_address?: string;
  };
  touch?: { link?: number; url?: string; client?: string; user_agent?: string; method?: string };
  control?: {
    target: string;
    name: string;
    action: string;
    value?: string;
    until?: Timestamp;
    by: string;
    reply?: Reply;
  };
  size_bytes?: number;
  list?: Id;
  note?: string;
}
