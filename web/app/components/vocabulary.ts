// How kinds and states look: one tone per meaning, on every page.
import type { CampaignState, ContactStatus, EventKind, HistoryState } from "~/api/types";
import type { IconName } from "~/ui/Icon";
import type { Tone } from "~/ui/tones";

export const campaignTone: Record<CampaignState, Tone> = {
  draft: "neutral",
  sending: "accent",
  paused: "warn",
  sent: "good",
  cancelled: "bad",
};

export const recipientTone: Record<HistoryState, Tone> = {
  queued: "info",
  deferred: "warn",
  delivered: "good",
  "remote-bounced": "bad",
  bounced: "bad",
  expired: "bad",
  suppressed: "neutral",
};

export const contactTone: Record<ContactStatus, Tone> = {
  active: "good",
  unsubscribed: "neutral",
  bounced: "bad",
  complained: "block",
  suppressed: "neutral",
};

export const kindTone: Record<EventKind, Tone> = {
  received: "info",
  rejected: "bad",
  delivered: "good",
  deferred: "warn",
  bounced: "bad",
  expired: "bad",
  suppressed: "neutral",
  "remote-bounce": "bad",
  complaint: "block",
  opened: "info",
  clicked: "accent",
  unsubscribed: "neutral",
  throttled: "warn",
  restored: "good",
  control: "accent",
  "connection-failed": "bad",
  inbound: "neutral",
};

export const kindIcon: Record<EventKind, IconName> = {
  received: "mail",
  rejected: "close",
  delivered: "check",
  deferred: "clock",
  bounced: "close",
  expired: "clock",
  suppressed: "suppress",
  "remote-bounce": "close",
  complaint: "flag",
  opened: "open",
  clicked: "click",
  unsubscribed: "unsubscribe",
  throttled: "pause",
  restored: "play",
  control: "settings",
  "connection-failed": "bolt",
  inbound: "mail",
};
