// Campaigns, previews, checks, reports.
import type {
  Campaign,
  CampaignCheck,
  CampaignInput,
  CampaignReport,
  RecipientFilter,
  RenderRequest,
} from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, notFound, page, Refusal, type Routes } from "../http";
import { issuesOf, render } from "../render";
import { countsOf } from "../seed/campaigns";
import { PROVIDERS } from "../seed/providers";

function find(db: Db, id: string | undefined): Campaign {
  const campaign = db.campaigns.find((entry) => entry.id === id);
  if (!campaign) throw notFound("campaign");
  return campaign;
}

function expect(campaign: Campaign, states: Campaign["state"][], verb: string): void {
  if (!states.includes(campaign.state))
    throw new Refusal(409, "conflict", `A campaign that is ${campaign.state} cannot be ${verb}.`);
}

function audienceOf(db: Db, campaign: Campaign): number {
  return db.lists.find((list) => list.id === campaign.list)?.contacts ?? 0;
}

function check(db: Db, campaign: Campaign): CampaignCheck {
  const errors = [...issuesOf("subject", campaign.subject), ...issuesOf("body", campaign.body)];
  if (campaign.body === "")
    errors.push({ part: "body", message: "The body is empty: write the mail.", line: null, column: null });
  if (campaign.subject === "")
    errors.push({ part: "subject", message: "There is no subject: write one.", line: null, column: null });
  if (!campaign.list)
    errors.push({ part: "list", message: "No list is chosen: choose one in the settings.", line: null, column: null });
  const all = audienceOf(db, campaign);
  const steps = [
    { step: "on-list", contacts: all },
    { step: "subscribed", contacts: Math.round(all * 0.969) },
    { step: "deliverable", contacts: Math.round(all * 0.952) },
    { step: "not-suppressed", contacts: Math.round(all * 0.947) },
  ];
  const undefinedVariables = ["contact.city", "contact.orders"].filter(
    (name) => campaign.body.includes(name) || campaign.subject.includes(name),
  );
  return {
    ok: errors.length === 0,
    errors,
    warnings: [],
    undefined: undefinedVariables
      .map((variable, index) => ({ variable, contacts: Math.round(all * (0.112 - index * 0.08)) }))
      .filter((entry) => entry.contacts > 0),
    audience: { steps, size: steps[3]?.contacts ?? 0 },
    size_bytes: campaign.body.length * 3 + 4_100,
  };
}

function report(campaign: Campaign): CampaignReport {
  const counts = campaign.counts ?? countsOf(0, 0);
  const whole = PROVIDERS.reduce((sum, provider) => sum + provider.weight, 0);
  const sent = counts.delivered + counts.bounced + counts.expired;
  const deferWhole = PROVIDERS.reduce((sum, provider) => sum + provider.weight * provider.defer, 0);
  const bounceWhole = PROVIDERS.reduce((sum, provider) => sum + provider.weight * provider.bounce, 0);
  const byProvider = PROVIDERS.map((provider) => {
    const own = Math.round((sent * provider.weight) / whole);
    const bounced = Math.round((counts.bounced * provider.weight * provider.bounce) / bounceWhole);
    const delivered = Math.max(0, own - bounced);
    const deferred = Math.round((counts.deferred_now * provider.weight * provider.defer) / deferWhole);
    return {
      provider: provider.name,
      sent: own,
      delivered,
      deferred,
      deferrals: Math.round(own * provider.defer * 1.4) + deferred,
      bounced,
      expired: 0,
      complaints: provider.name === "yahoo" || provider.name === "outlook" ? Math.round(counts.complaints / 2) : 0,
      opens: Math.round(
        (counts.opens * provider.weight * provider.open) /
          PROVIDERS.reduce((sum, entry) => sum + entry.weight * entry.open, 0),
      ),
      clicks: Math.round(
        (counts.clicks * provider.weight * provider.click) /
          PROVIDERS.reduce((sum, entry) => sum + entry.weight * entry.click, 0),
      ),
      p50_s: provider.p50,
      p95_s: provider.p95,
    };
  });
  const categories = new Map<string, { count: number; sample: string }>();
  for (const provider of PROVIDERS) {
    for (const reply of provider.replies) {
      const all = provider.replies
        .filter((entry) => entry.kind === reply.kind)
        .reduce((sum, entry) => sum + entry.weight, 0);
      const rate = (reply.kind === "bounced" ? provider.bounce : provider.defer) * (reply.weight / all);
      const entry = categories.get(reply.category) ?? {
        count: 0,
        sample: [reply.code, reply.enhanced, reply.sample].filter(Boolean).join(" "),
      };
      entry.count += Math.round(((sent * provider.weight) / whole) * rate);
      categories.set(reply.category, entry);
    }
  }
  const minutes = 40;
  const end = campaign.finished_at ? new Date(campaign.finished_at).getTime() : Date.now();
  const shape = Array.from({ length: minutes }, (_, index) => Math.exp(-(((index - 14) / 13) ** 2)) + 0.08);
  const shapeSum = shape.reduce((sum, value) => sum + value, 0);
  return {
    campaign: campaign.id,
    at: new Date().toISOString(),
    audience: counts.audience,
    handed_over: counts.handed_over,
    skipped: 0,
    queued: counts.queued,
    sent,
    delivered: counts.delivered,
    deferred_now: counts.deferred_now,
    bounced: counts.bounced,
    expired: counts.expired,
    suppressed: counts.suppressed,
    complaints: counts.complaints,
    unsubscribes: counts.unsubscribes,
    opens: { total: Math.round(counts.opens * 1.7), unique: counts.opens },
    clicks: { total: Math.round(counts.clicks * 1.3), unique: counts.clicks },
    by_provider: byProvider,
    by_category: [...categories]
      .map(([category, entry]) => ({ category, ...entry }))
      .filter((entry) => entry.count > 0),
    skips: [],
    links: [
      {
        index: 0,
        url: "https://verriere.example/automne",
        clicks: Math.round(counts.clicks * 0.86),
        unique: Math.round(counts.clicks * 0.7),
      },
      {
        index: 1,
        url: "https://verriere.example/atelier?utm_source=newsletter&utm_campaign=automne",
        clicks: Math.round(counts.clicks * 0.31),
        unique: Math.round(counts.clicks * 0.22),
      },
      {
        index: 2,
        url: "https://verriere.example/boutiques",
        clicks: Math.round(counts.clicks * 0.12),
        unique: Math.round(counts.clicks * 0.1),
      },
    ],
    timeline: shape.map((value, index) => ({
      minute: new Date(Math.floor(end / 60_000) * 60_000 - (minutes - 1 - index) * 60_000).toISOString(),
      delivered: Math.round((counts.delivered * value) / shapeSum),
      deferred: Math.round((counts.delivered * 0.06 * value) / shapeSum),
      bounced: Math.round((counts.bounced * value) / shapeSum),
      opens: Math.round((counts.opens * (shape[Math.max(0, index - 5)] ?? 0)) / shapeSum),
      clicks: Math.round((counts.clicks * (shape[Math.max(0, index - 7)] ?? 0)) / shapeSum),
    })),
  };
}

export const campaignRoutes: Routes = {
  "GET /campaigns": ({ db, query }) => ({ json: page(db.campaigns, query) }),
  "POST /campaigns": (call) => {
    const base: Campaign = {
      id: call.db.ids(),
      name: "",
      state: "draft",
      subject: "",
      preheader: "",
      from_name: "Verrière",
      from_address: "bonjour@news.verriere.example",
      reply_to: "",
      list: null,
      format: "mjml",
      body: "",
      text: "",
      stream: "marketing",
      pool: "marketing",
      track_opens: true,
      track_clicks: true,
      created_at: new Date().toISOString(),
      started_at: null,
      finished_at: null,
      trouble: null,
      counts: null,
    };
    const campaign = { ...base, ...bodyOf<Partial<CampaignInput>>(call) };
    call.db.campaigns.unshift(campaign);
    return { status: 201, json: campaign };
  },
  "GET /campaigns/:id": ({ db, params }) => ({ json: find(db, params.id) }),
  "PATCH /campaigns/:id": (call) => {
    const campaign = find(call.db, call.params.id);
    expect(campaign, ["draft"], "changed");
    return { json: Object.assign(campaign, bodyOf<Partial<CampaignInput>>(call)) };
  },
  "DELETE /campaigns/:id": ({ db, params }) => {
    expect(find(db, params.id), ["draft", "cancelled"], "deleted");
    db.campaigns = db.campaigns.filter((campaign) => campaign.id !== params.id);
    return {};
  },
  "POST /campaigns/:id/check": ({ db, params }) => ({ json: check(db, find(db, params.id)) }),
  "POST /render": (call) => {
    const request = bodyOf<RenderRequest>(call);
    return { json: render(request, call.db.contacts.find((contact) => contact.id === request.contact) ?? null) };
  },
  "POST /campaigns/:id/test": (call) => {
    const { addresses } = bodyOf<{ addresses: string[] }>(call);
    const message = call.db.recipients[0]?.message ?? call.db.ids();
    return {
      status: 202,
      json: {
        message,
        first_recipient: call.db.recipients[0]?.recipient ?? call.db.ids(),
        recipients: addresses.length,
        rejected: [],
      },
    };
  },
  "POST /campaigns/:id/send": ({ db, params }) => {
    const campaign = find(db, params.id);
    expect(campaign, ["draft"], "sent");
    const size = check(db, campaign).audience.size;
    Object.assign(campaign, {
      state: "sending",
      started_at: new Date().toISOString(),
      counts: { ...countsOf(size, 0), queued: 0, deferred_now: 0, handed_over: 0 },
    });
    return { status: 202, json: campaign };
  },
  "POST /campaigns/:id/pause": ({ db, params }) => {
    const campaign = find(db, params.id);
    expect(campaign, ["sending"], "paused");
    campaign.state = "paused";
    return { json: campaign };
  },
  "POST /campaigns/:id/resume": ({ db, params }) => {
    const campaign = find(db, params.id);
    expect(campaign, ["paused"], "resumed");
    campaign.state = "sending";
    return { json: campaign };
  },
  "POST /campaigns/:id/cancel": ({ db, params }) => {
    const campaign = find(db, params.id);
    expect(campaign, ["sending", "paused"], "cancelled");
    Object.assign(campaign, { state: "cancelled", finished_at: new Date().toISOString() });
    return { json: campaign };
  },
  "GET /campaigns/:id/report": ({ db, params }) => ({ json: report(find(db, params.id)) }),
  "GET /campaigns/:id/report.pdf": () => ({
    raw: { type: "application/pdf", body: "%PDF-1.4\n%mock\n", name: "report.pdf" },
  }),
  "GET /campaigns/:id/recipients": ({ db, params, query }) => {
    const status = query.get("status") as RecipientFilter | null;
    const flags: Record<string, boolean> = { opened: true, clicked: true, complained: true, unsubscribed: true };
    const found = db.recipients.filter(
      (entry) =>
        entry.campaign === params.id &&
        (!status || (status in flags ? entry[status as "opened"] : entry.state === status)),
    );
    const { items, next } = page(found, query);
    return {
      json: { items: items.map(({ events: _events, message: _message, campaign: _campaign, ...rest }) => rest), next },
    };
  },
};
