// Dashboards, search, histories, live ticks. Shapes: `monitor::dashboards`, `monitor::history`, `monitor::live`.
import type { CampaignCounts, CampaignState, RecipientState } from "./campaigns";
import type { Id, Page, Reply, Timestamp } from "./common";
import type { QueueTotals } from "./delivery";
import type { MailEvent } from "./events";

/** How often what happened. */
export interface Counts {
  received: number;
  /** delivered + deferred + bounced. */
  attempts: number;
  delivered: number;
  deferred: number;
  bounced: number;
  /** Deferred or bounced for policy, spam or reputation; counted there too. */
  blocked: number;
  expired: number;
  suppressed: number;
  remote_bounces: number;
  complaints: number;
  opens: number;
  clicks: number;
  unsubscribes: number;
  connection_failures: number;
  bytes: number;
}

/** A share, never without how many it was taken of; 95 % interval (Wilson). */
export interface Rate {
  hits: number;
  n: number;
  rate: number;
  low: number;
  high: number;
}

/** A rate and that of the equal period before. `up`, `down`: their intervals do not meet. */
export interface Compared {
  now: Rate;
  before: Rate;
  change: "up" | "down" | "unclear";
}

/** The first four of the attempts, the rest of the delivered. */
export interface Rates {
  delivered: Compared;
  deferred: Compared;
  bounced: Compared;
  blocked: Compared;
  complaints: Compared;
  opens: Compared;
  clicks: Compared;
  unsubscribes: Compared;
}

/** From acceptance to delivery, in seconds; null without deliveries. */
export interface Delay {
  n: number;
  p50_s: number | null;
  p95_s: number | null;
}

/** One step of time; `minute` is its begin. */
export interface SeriesPoint {
  minute: Timestamp;
  received: number;
  delivered: number;
  deferred: number;
  bounced: number;
  blocked: number;
  complaints: number;
  opens: number;
  clicks: number;
  delay: Delay;
}

export interface ProviderRow extends Counts {
  /** Null for events that know none. */
  provider: string | null;
  previous: Counts;
  rates: Rates;
  delay: Delay;
  /** Summary of providers only. */
  top_reply?: TopReply;
}

/** A wording of replies at one provider, its changing parts masked. */
export interface TopReply {
  /** `template:17` searches for it. */
  template_id: number;
  template: string;
  /** 0 for an error without a reply. */
  code: number;
  category: string | null;
  provider: string | null;
  count: number;
  count_before: number;
  /** First seen at this provider during the period. */
  is_new: boolean;
  first_seen: Timestamp | null;
  last_seen: Timestamp | null;
  sample: string;
}

/** `GET /dashboards/now?minutes=60`. */
export interface NowDashboard {
  at: Timestamp;
  from: Timestamp;
  to: Timestamp;
  totals: Counts;
  previous: Counts;
  rates: Rates;
  delay: Delay;
  delay_before: Delay;
  by_provider: ProviderRow[];
  /** Each minute, also where nothing happened. */
  series: SeriesPoint[];
  top_replies: TopReply[];
}

export interface SourceRow extends Counts {
  source: string | null;
  previous: Counts;
  rates: Rates;
  delay: Delay;
}

/** One source in one hour. */
export interface MatrixCell {
  source: string | null;
  hour: Timestamp;
  attempts: number;
  delivered: Rate;
  deferred: Rate;
  blocked: Rate;
}

/** `GET /dashboards/provider/{name}?hours=24`. */
export interface ProviderDashboard {
  provider: string;
  at: Timestamp;
  from: Timestamp;
  to: Timestamp;
  step_minutes: number;
  totals: Counts;
  previous: Counts;
  rates: Rates;
  delay: Delay;
  delay_before: Delay;
  series: SeriesPoint[];
  by_source: SourceRow[];
  matrix: MatrixCell[];
  by_category: { category: string | null; family: string; deferred: number; bounced: number }[];
  top_replies: TopReply[];
}

/** `GET /providers-summary?hours=24`. */
export interface ProvidersSummary {
  at: Timestamp;
  from: Timestamp;
  to: Timestamp;
  providers: ProviderRow[];
}

/** `GET /events`. */
export interface EventPage extends Page<MailEvent> {
  cost: { rows_scanned: number; bytes: number; ms: number; segments: number };
}

/** As in campaigns, and delivered ones that came back. */
export type HistoryState = RecipientState | "remote-bounced";

/** Items of `GET /recipients?address=`: newest first. */
export interface RecipientSummary {
  recipient: Id;
  message: Id | null;
  address: string | null;
  campaign: Id | null;
  provider: string | null;
  state: HistoryState;
  attempts: number;
  received_at: Timestamp | null;
  finished_at: Timestamp | null;
  next_attempt: Timestamp | null;
  last_reply: Reply | null;
  last_error: string | null;
  opens: number;
  clicks: number;
  complained: boolean;
  unsubscribed: boolean;
  last_event: Timestamp;
}

/** `GET /recipients/{id}`; oldest event first, with transcripts. */
export interface RecipientHistory extends RecipientSummary {
  events: MailEvent[];
  truncated: boolean;
}

/** `GET /messages/{id}`; the first 200 recipients. */
export interface MessageHistory {
  message: Id;
  campaign: Id | null;
  stream: string | null;
  tenant: string | null;
  sender: string | null;
  received_at: Timestamp | null;
  states: { state: HistoryState; count: number }[];
  recipients: RecipientSummary[];
  events: MailEvent[];
  truncated: boolean;
}

export interface LiveCounts {
  received: number;
  attempts: number;
  delivered: number;
  deferred: number;
  bounced: number;
  expired: number;
  opens: number;
  clicks: number;
  complaints: number;
  unsubscribes: number;
}

/** Event `tick` of `GET /stream`, every second. */
export interface Tick {
  live: {
    at: Timestamp;
    second: LiveCounts;
    /** Divided by ten: a rate that does not flicker. */
    ten_seconds: LiveCounts;
    minute: LiveCounts;
    five_minutes: LiveCounts;
    total: LiveCounts;
    providers: { provider: string; second: LiveCounts; minute: LiveCounts; total: LiveCounts }[];
  };
  /** Null while the queue is stopping. */
  queue: QueueTotals | null;
  /** Campaigns that are sending or paused. */
  campaigns: { id: Id; name: string; state: CampaignState; counts: CampaignCounts }[];
}
