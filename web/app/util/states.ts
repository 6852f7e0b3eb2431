// The values that pages keep in the address bar.
export const CAMPAIGN_FILTERS = ["draft", "sending", "paused", "sent", "cancelled"] as const;
export const EDIT_TABS = ["content", "settings", "check"] as const;
export const REPORT_TABS = ["overview", "recipients"] as const;
export const RECIPIENT_FILTERS = [
  "queued",
  "deferred",
  "delivered",
  "came-back",
  "bounced",
  "expired",
  "suppressed",
  "opened",
  "clicked",
  "automatic",
  "complained",
  "unsubscribed",
] as const;
export const MINUTES = [15, 60, 360, 1440] as const;
export const HOURS = [1, 6, 24, 168] as const;
export const NOW_VIEWS = ["table", "tiles"] as const;
export const RANGES = ["15m", "1h", "24h", "7d", "all", "own"] as const;
export type Range = (typeof RANGES)[number];

/** What comes first in a list of queued mail. */
export const QUEUE_SORTS = ["due", "age"] as const;
export type QueueSort = (typeof QUEUE_SORTS)[number];
