// Nine campaigns: drafts, one that is sending, a paused one, sent ones, a cancelled one.

import type { Campaign, CampaignCounts, CampaignState, List } from "../../app/api/types";
import { firstVersion } from "../http";
import { piecesOf } from "../render";
import { AUTUMN_MJML } from "./content";
import { PROVIDERS } from "./providers";

const DAY = 86_400_000;

/** Numbers of a campaign of this size that is done to this share. */
export function countsOf(audience: number, share: number, trouble = 1): CampaignCounts {
  const handed = Math.min(audience, Math.round(audience * Math.min(1, share * 1.6)));
  const finished = Math.round(audience * share);
  const weights = PROVIDERS.reduce((sum, provider) => sum + provider.weight, 0);
  const mean = (value: (provider: (typeof PROVIDERS)[number]) => number) =>
    PROVIDERS.reduce((sum, provider) => sum + provider.weight * value(provider), 0) / weights;
  const bounced = Math.round(finished * mean((provider) => provider.bounce) * trouble);
  const suppressed = Math.round(finished * 0.004);
  const expired = share >= 1 ? Math.round(finished * 0.0006 * trouble) : 0;
  const delivered = finished - bounced - suppressed - expired;
  const deferred = share >= 1 ? 0 : Math.round((handed - finished) * 0.3);
  return {
    audience,
    handed_over: handed,
    queued: handed - finished,
    delivered,
    came_back: Math.round(delivered * 0.0012 * trouble),
    deferred_now: deferred,
    bounced,
    expired,
    suppressed,
    complaints: Math.round(delivered * 0.0006 * trouble),
    unsubscribes: Math.round(delivered * 0.0021),
    opens: Math.round(delivered * mean((provider) => provider.open) * (share >= 1 ? 1 : 0.35)),
    clicks: Math.round(delivered * mean((provider) => provider.click) * (share >= 1 ? 1 : 0.25)),
  };
}

interface Plan {
  name: string;
  subject: string;
  state: CampaignState;
  audience: number;
  share: number;
  age: number;
  trouble?: number;
}

const PLANS: Plan[] = [
  { name: "Winter teaser", subject: "", state: "draft", audience: 0, share: 0, age: 0.1 },
  {
    name: "Autumn catalogue",
    subject: "{{ contact.name }}, forty lamps for longer evenings",
    state: "sending",
    audience: 20_000,
    share: 0.38,
    age: 0.003,
  },
  {
    name: "Workshop open day",
    subject: "You are invited: our workshop on 5 December",
    state: "draft",
    audience: 0,
    share: 0,
    age: 1.2,
  },
  {
    name: "Loyalty programme, wave 2",
    subject: "Your points of this year",
    state: "paused",
    audience: 8_400,
    share: 0.52,
    age: 0.6,
    trouble: 2.4,
  },
  {
    name: "Newsletter November",
    subject: "A lamp for every corner",
    state: "sent",
    audience: 18_930,
    share: 1,
    age: 8,
  },
  {
    name: "Delivery times before the holidays",
    subject: "Order until 15 December",
    state: "sent",
    audience: 6_120,
    share: 1,
    age: 15,
  },
  {
    name: "Reactivation of old addresses",
    subject: "It has been a while",
    state: "cancelled",
    audience: 12_700,
    share: 0.17,
    age: 22,
    trouble: 6.5,
  },
  {
    name: "Newsletter October",
    subject: "New: the Argonne series",
    state: "sent",
    audience: 18_410,
    share: 1,
    age: 38,
  },
  {
    name: "Newsletter September",
    subject: "Back from the summer",
    state: "sent",
    audience: 17_880,
    share: 1,
    age: 68,
    trouble: 1.3,
  },
];

export function makeCampaigns(ids: (at?: number) => string, lists: List[], now: number): Campaign[] {
  return PLANS.map((plan) => {
    const created = now - plan.age * DAY - 3_600_000;
    const started = plan.state === "draft" ? null : now - plan.age * DAY;
    const finished = plan.state === "sent" || plan.state === "cancelled";
    return {
      id: ids(created),
      name: plan.name,
      state: plan.state,
      subject: plan.subject,
      subject_pieces: piecesOf(plan.subject),
      preheader: plan.subject ? "Made in our workshop in Lorraine" : "",
      from_name: "Verrière",
      from_address: "bonjour@news.verriere.example",
      reply_to: "",
      list: lists[0]?.id ?? null,
      format: "mjml",
      body: plan.subject ? AUTUMN_MJML : "",
      text: "",
      stream: "marketing",
      pool: "marketing",
      track_opens: true,
      track_clicks: true,
      created_at: new Date(created).toISOString(),
      ...firstVersion(new Date(created).toISOString()),
      started_at: started ? new Date(started).toISOString() : null,
      finished_at: started && finished ? new Date(started + 5_400_000).toISOString() : null,
      trouble:
        plan.state === "paused" && plan.trouble
          ? "The queue refused the next recipients: the disk is nearly full. Make room, then resume."
          : null,
      counts: plan.state === "draft" ? null : countsOf(plan.audience, plan.share, plan.trouble),
    };
  });
}
