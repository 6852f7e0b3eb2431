// Campaigns: settings, content, checks, sending, report.
import type { Id, Timestamp } from "./common";

export type CampaignState = "draft" | "sending" | "paused" | "sent" | "cancelled";
export type ContentFormat = "mjml" | "html" | "text";

/** Numbers of one campaign; the same names as in the report. `opens`, `clicks` count recipients, not requests. */
export interface CampaignCounts {
  audience: number;
  handed_over: number;
  queued: number;
  delivered: number;
  deferred_now: number;
  bounced: number;
  expired: number;
  suppressed: number;
  complaints: number;
  unsubscribes: number;
  opens: number;
  clicks: number;
}

export interface Campaign {
  id: Id;
  name: string;
  state: CampaignState;
  subject: string;
  preheader: string;
  from_name: string;
  from_address: string;
  reply_to: string;
  list: Id | null;
  format: ContentFormat;
  /** MJML, HTML or (format text) plain text, with Liquid. */
  body: string;
  /** Own plain text part; empty = made from the HTML. */
  text: string;
  stream: string;
  pool: string;
  track_opens: boolean;
  track_clicks: boolean;
  created_at: Timestamp;
  started_at: Timestamp | null;
  finished_at: Timestamp | null;
  /** Why the program itself paused it. */
  trouble: string | null;
  /** Null while it is a draft. */
  counts: CampaignCounts | null;
}

/** `PATCH /campaigns/{id}`: any of these; `POST /campaigns` needs `name` at least. */
export type CampaignInput = Pick<
  Campaign,
  | "name"
  | "subject"
  | "preheader"
  | "from_name"
  | "from_address"
  | "reply_to"
  | "list"
  | "format"
  | "body"
  | "text"
  | "stream"
  | "pool"
  | "track_opens"
  | "track_clicks"
>;

export type ContentPart = "subject" | "preheader" | "body" | "text";

/** Trouble in a template. `line` and `column` count from 1. */
export interface ContentIssue {
  /** A content part, or the name of a setting (`from_address`, `list`) in the answer of check. */
  part: ContentPart | string;
  message: string;
  line: number | null;
  column: number | null;
}

/** `POST /campaigns/{id}/check`. */
export interface CampaignCheck {
  ok: boolean;
  errors: ContentIssue[];
  warnings: ContentIssue[];
  undefined: { variable: string; contacts: number }[];
  audience: {
    /** From the whole list to those who get the mail; each step has at most as many contacts as the one before. */
    steps: { step: "on-list" | "subscribed" | "deliverable" | "not-suppressed" | string; contacts: number }[];
    size: number;
  };
  size_bytes: number;
}

/** `POST /render`. */
export interface RenderRequest {
  format: ContentFormat;
  body: string;
  text: string;
  subject: string;
  preheader: string;
  /** Contact whose values are filled in; null = sample values. */
  contact: Id | null;
}

export interface Rendered {
  subject: string;
  preheader: string;
  html: string;
  text: string;
  warnings: ContentIssue[];
  errors: ContentIssue[];
  size_bytes: number;
}

export interface CampaignReport {
  campaign: Id;
  /** When these numbers were read. */
  at: Timestamp;
  audience: number;
  handed_over: number;
  queued: number;
  /** Attempted at least once and finished: delivered + bounced + expired. */
  sent: number;
  delivered: number;
  deferred_now: number;
  bounced: number;
  expired: number;
  suppressed: number;
  complaints: number;
  unsubscribes: number;
  opens: { total: number; unique: number };
  clicks: { total: number; unique: number };
  by_provider: ReportProvider[];
  /** Failed attempts, temporary and permanent ones; the sample is the first such reply. */
  by_category: { category: string; count: number; sample: string }[];
  links: { index: number; url: string; clicks: number; unique: number }[];
  timeline: {
    minute: Timestamp;
    delivered: number;
    deferred: number;
    bounced: number;
    opens: number;
    clicks: number;
  }[];
}

/** `opens` and `clicks` count recipients; `deferred` those waiting for another attempt now. */
export interface ReportProvider {
  provider: string;
  sent: number;
  delivered: number;
  deferred: number;
  /** Attempts that failed for the moment, all in all. */
  deferrals: number;
  bounced: number;
  expired: number;
  complaints: number;
  opens: number;
  clicks: number;
  p50_s: number | null;
  p95_s: number | null;
}

export type RecipientState = "queued" | "deferred" | "delivered" | "bounced" | "expired" | "suppressed";
/** Filter of `GET /campaigns/{id}/recipients?status=`. */
export type RecipientFilter = RecipientState | "opened" | "clicked" | "complained" | "unsubscribed";

export interface CampaignRecipient {
  recipient: Id;
  contact: Id | null;
  address: string;
  provider: string | null;
  state: RecipientState;
  attempts: number;
  /** Of the last attempt that did not succeed, e.g. `452 4.2.2 Mailbox full`. */
  last_reply: string | null;
  category: string | null;
  /** Last change of state. */
  at: Timestamp;
  opened: boolean;
  clicked: boolean;
  complained: boolean;
  unsubscribed: boolean;
}
