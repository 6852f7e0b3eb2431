// Dashboards, search, histories, live ticks.
import type { CampaignCounts, CampaignState, RecipientState } from "./campaigns";
import type { Cost, Id, Page, Timestamp } from "./common";
import type { QueueTotals, Throttle } from "./delivery";
import type { MailEvent } from "./events";

/** Attempts and how they ended. `blocked` are those deferred or bounced for reputation; they are counted there too. */
export interface Outcomes {
  attempts: number;
  delivered: number;
  deferred: number;
  bounced: number;
  blocked: number;
}

export interface ProviderOutcomes extends Outcomes {
  provider: string;
  label: string;
  delay: Delay;
  /** Same buckets as the series of the answer around it. */
  series: SeriesPoint[];
}

/** From acceptance to delivery, in seconds; null without deliveries. */
export interface Delay {
  p50_s: number | null;
  p95_s: number | null;
}

/** Numbers of one bucket; `minute` is its start. */
export interface SeriesPoint {
  minute: Timestamp;
  delivered: number;
  deferred: number;
  bounced: number;
}

export interface ReplyTemplate {
  /** The reply with its changing parts masked. */
  template: string;
  category: string | null;
  provider: string;
  kind: "deferred" | "bounced";
  count: number;
  first_seen: Timestamp;
  last_seen: Timestamp;
  sample: string;
}

/** `GET /dashboards/now?minutes=60`. */
export interface NowDashboard {
  at: Timestamp;
  minutes: number;
  /** Length of a bucket of the series, in seconds. */
  bucket_s: number;
  totals: Outcomes;
  by_provider: ProviderOutcomes[];
  series: SeriesPoint[];
  queue: QueueTotals & { oldest_s: number };
  delay: Delay;
  top_replies: ReplyTemplate[];
}

/** `GET /dashboards/provider/{name}?hours=24`. */
export interface ProviderDashboard {
  at: Timestamp;
  provider: string;
  label: string;
  hours: number;
  bucket_s: number;
  totals: Outcomes;
  delay: Delay;
  series: (SeriesPoint & { blocked: number })[];
  by_source: (Outcomes & { source: string; delay: Delay; throttle: Throttle | null })[];
  top_replies: ReplyTemplate[];
  complaints: number;
  postmaster_url: string | null;
}

/** `GET /providers-summary` (last 24 hours). */
export type ProvidersSummary = Page<Outcomes & { provider: string; label: string; delay: Delay; complaints: number }>;

/** `GET /events`. */
export interface EventPage extends Page<MailEvent> {
  cost: Cost;
}

/** `GET /recipients/{id}`; oldest event first, with transcripts. */
export interface RecipientHistory {
  recipient: Id;
  address: string;
  message: Id;
  campaign: Id | null;
  contact: Id | null;
  provider: string | null;
  state: RecipientState;
  events: MailEvent[];
}

/** `GET /recipients?address=`: newest first. */
export interface RecipientSummary {
  recipient: Id;
  address: string;
  message: Id;
  campaign: Id | null;
  provider: string | null;
  state: RecipientState;
  at: Timestamp;
}

/** `GET /messages/{id}?after=`. */
export interface MessageHistory {
  message: Id;
  sender: string;
  subject: string | null;
  stream: string;
  campaign: Id | null;
  received_at: Timestamp;
  size_bytes: number;
  counts: Record<RecipientState, number>;
  /** Its recipients, first page first. */
  recipients: Page<RecipientSummary>;
}

/** Event `tick` of `GET /stream`, every second. Numbers of `providers` are those of the last second. */
export interface Tick {
  at: Timestamp;
  queue: QueueTotals;
  /** Per second. */
  rates: { received: number; delivered: number; deferred: number; bounced: number };
  providers: (Outcomes & { provider: string })[];
  /** Campaigns that are sending or changed in the last second. */
  campaigns: { id: Id; state: CampaignState; counts: CampaignCounts }[];
}
