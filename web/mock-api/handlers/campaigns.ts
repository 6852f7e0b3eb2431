// Campaigns, previews, checks, reports.
import type {
  Campaign,
  CampaignCheck,
  CampaignCounts,
  CampaignInput,
  CampaignReport,
  RecipientFilter,
  RenderRequest,
} from "../../app/api/types";
import type { Db } from "../db";
import { bodyOf, changeVersioned, firstVersion, notFound, page, Refusal, type Routes } from "../http";
import { issuesOf, piecesOf, render } from "../render";
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
    audience: { steps, size: steps[2]?.contacts ?? 0 },
    size_bytes: campaign.body.length * 3 + 4_100,
  };
}

function report(campaign: Campaign): CampaignReport {
  const counts = campaign.counts ?? countsOf(0, 0);
  const spread = (all: number, weight: (provider: (typeof PROVIDERS)[number]) => number) => {
    const total = PROVIDERS.reduce((sum, provider) => sum + weight(provider), 0);
    const counts = PROVIDERS.map((provider) => Math.floor((all * weight(provider)) / total));
    // What rounding left over goes to the largest, so that the rows add up.
    counts[0] = (counts[0] ?? 0) + all - counts.reduce((sum, count) => sum + count, 0);
    return counts;
  };
  const delivered = spread(counts.delivered, (provider) => provider.weight);
  const back = spread(counts.came_back, (provider) => provider.weight);
  const bounced = spread(counts.bounced, (provider) => provider.weight * provider.bounce);
  const expired = spread(counts.expired, (provider) => provider.weight * provider.defer);
  const suppressed = spread(counts.suppressed, (provider) => provider.weight);
  const deferred = spread(counts.deferred_now, (provider) => provider.weight * provider.defer);
  const opens = spread(counts.opens, (provider) => provider.weight * provider.open);
  const clicks = spread(counts.clicks, (provider) => provider.weight * provider.click);
  const scanned = spread(Math.round(counts.clicks * 0.4), (provider) => (provider.name === "microsoft365" ? 9 : 0.5));
  const at = (list: number[], index: number) => list[index] ?? 0;
  const nobody = {
    delivered: 0,
    came_back: 0,
    deferred: 0,
    deferrals: 0,
    bounced: 0,
    expired: 0,
    suppressed: 0,
    complaints: 0,
    opens: 0,
    clicks: 0,
    opens_automatic: 0,
    clicks_automatic: 0,
    p50_s: null,
    p95_s: null,
  };
  const untouched = counts.queued - counts.deferred_now;
  const byProvider = [
    ...PROVIDERS.map((provider, index) => ({
      provider: provider.name,
      sent:
        at(delivered, index) + at(bounced, index) + at(expired, index) + at(suppressed, index) + at(deferred, index),
      queued: at(deferred, index),
      delivered: at(delivered, index),
      came_back: at(back, index),
      deferred: at(deferred, index),
      deferrals: Math.round(at(delivered, index) * provider.defer * 1.4) + at(deferred, index),
      bounced: at(bounced, index),
      expired: at(expired, index),
      suppressed: at(suppressed, index),
      complaints: provider.name === "yahoo" || provider.name === "outlook" ? Math.round(counts.complaints / 2) : 0,
      opens: at(opens, index),
      clicks: at(clicks, index),
      opens_automatic: provider.name === "icloud" ? Math.round(counts.opens * 0.22) : 0,
      clicks_automatic: at(scanned, index),
      p50_s: provider.p50,
      p95_s: provider.p95,
    })),
    ...(untouched > 0 ? [{ provider: "unknown", ...nobody, sent: untouched, queued: untouched }] : []),
  ];
  const automatic = {
    opens: byProvider.reduce((sum, row) => sum + row.opens_automatic, 0),
    clicks: byProvider.reduce((sum, row) => sum + row.clicks_automatic, 0),
  };
  const deferrals = byProvider.reduce((sum, row) => sum + row.deferrals, 0);
  const byCategory = categoriesOf(counts, deferrals);
  return {
    campaign: campaign.id,
    at: new Date().toISOString(),
    audience: counts.audience,
    handed_over: counts.handed_over,
    skipped: 0,
    queued: counts.queued,
    sent: counts.handed_over,
    delivered: counts.delivered,
    came_back: counts.came_back,
    deferred_now: counts.deferred_now,
    bounced: counts.bounced,
    expired: counts.expired,
    suppressed: counts.suppressed,
    complaints: counts.complaints,
    unsubscribes: counts.unsubscribes,
    opens: {
      total: Math.round(counts.opens * 1.7) + automatic.opens,
      automatic: automatic.opens,
      unique: counts.opens,
    },
    clicks: {
      total: Math.round(counts.clicks * 1.3) + automatic.clicks,
      automatic: automatic.clicks,
      unique: counts.clicks,
    },
    by_provider: byProvider,
    by_category: byCategory,
    skips: [],
    links: LINKS.map(({ url, share }, index) => ({
      index,
      url,
      pieces: piecesOf(url),
      clicks: Math.round(counts.clicks * share * 1.3) + Math.round(automatic.clicks / LINKS.length),
      automatic: Math.round(automatic.clicks / LINKS.length),
      unique: Math.round(counts.clicks * share),
    })),
    timeline: timeline(campaign, counts),
  };
}

/** What went wrong, by what the replies mean; the columns add up to the figures of the report. */
function categoriesOf(counts: CampaignCounts, deferrals: number): CampaignReport["by_category"] {
  const rows = new Map<string, CampaignReport["by_category"][number]>();
  const row = (category: string, sample: string) => {
    const known = rows.get(category);
    if (known) return known;
    const made = { category, sample, count: 0, deferred: 0, bounced: 0, expired: 0, came_back: 0 };
    rows.set(category, made);
    return made;
  };
  const replies = PROVIDERS.flatMap((provider) =>
    provider.replies.map((reply) => ({ ...reply, weight: reply.weight * provider.weight })),
  );
  const share = (kind: string, all: number, column: "deferred" | "bounced" | "expired") => {
    const own = replies.filter((reply) => (kind === "bounced") === (reply.kind === "bounced"));
    const whole = own.reduce((sum, reply) => sum + reply.weight, 0);
    let left = all;
    own.forEach((reply, index) => {
      const count = index === own.length - 1 ? left : Math.floor((all * reply.weight) / whole);
      left -= count;
      row(reply.category, [reply.code, reply.enhanced, reply.sample].filter(Boolean).join(" "))[column] += count;
    });
  };
  share("deferred", deferrals, "deferred");
  share("bounced", counts.bounced, "bounced");
  share("deferred", counts.expired, "expired");
  row("quota-issues", "552 5.2.2 Mailbox full").came_back += counts.came_back;
  return [...rows.values()]
    .map((entry) => ({ ...entry, count: entry.deferred + entry.bounced + entry.expired + entry.came_back }))
    .filter((entry) => entry.count > 0)
    .sort((one, other) => other.count - one.count);
}

const LINKS = [
  { url: "https://verriere.example/automne", share: 0.64 },
  { url: "https://verriere.example/atelier?utm_source=newsletter&utm_campaign=automne", share: 0.22 },
  { url: "https://verriere.example/produit/{{ contact.last_product | default: 'argonne' }}", share: 0.1 },
  { url: "https://verriere.example/boutiques/{{ contact.city | url_encode }}?source=lettre", share: 0.04 },
];

/** Three minutes of a campaign by the second, and an hour of what came late by ten seconds. */
function timeline(campaign: Campaign, counts: CampaignCounts): CampaignReport["timeline"] {
  const seconds = 180;
  const end = campaign.finished_at ? new Date(campaign.finished_at).getTime() : Date.now();
  const start = Math.floor(end / 1000) - seconds;
  const shape = Array.from({ length: seconds }, (_, index) => Math.exp(-(((index - 60) / 50) ** 2)) + 0.08);
  const shapeSum = shape.reduce((sum, value) => sum + value, 0);
  const moment = (at: number, span_s: number) => ({ at: new Date(at * 1000).toISOString(), span_s, ...NOTHING });
  const share = (all: number, index: number) => Math.round((all * (shape[Math.max(0, index)] ?? 0)) / shapeSum);
  const early = shape.map((_, index) => ({
    ...moment(start + index, 1),
    delivered: share(counts.delivered, index),
    deferred: share(counts.delivered * 0.06, index),
    bounced: share(counts.bounced, index),
    opens: share(counts.opens, index - 25),
    clicks: share(counts.clicks, index - 35),
    automatic: share(counts.clicks * 0.4, index - 1),
  }));
  const late = Array.from({ length: 24 }, (_, index) => ({
    ...moment(Math.floor(start / 10) * 10 + 610 + index * 150, 10),
    opens: Math.round(counts.opens * 0.012),
    clicks: Math.round(counts.clicks * 0.01),
    expired: index === 23 ? counts.expired : 0,
  }));
  const happened = (entry: (typeof early)[number]) =>
    entry.delivered + entry.deferred + entry.bounced + entry.expired + entry.opens + entry.clicks > 0;
  return (campaign.finished_at ? [...early, ...late] : early).filter(happened);
}

const NOTHING = { delivered: 0, deferred: 0, bounced: 0, expired: 0, opens: 0, clicks: 0, automatic: 0 };

export const campaignRoutes: Routes = {
  "GET /campaigns": ({ db, query }) => ({ json: page(db.campaigns, query) }),
  "POST /campaigns": (call) => {
    const base: Campaign = {
      id: call.db.ids(),
      name: "",
      state: "draft",
      subject: "",
      subject_pieces: [],
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
      ...firstVersion(new Date().toISOString()),
      started_at: null,
      finished_at: null,
      trouble: null,
      counts: null,
    };
    const campaign = { ...base, ...bodyOf<Partial<CampaignInput>>(call) };
    campaign.subject_pieces = piecesOf(campaign.subject);
    call.db.campaigns.unshift(campaign);
    return { status: 201, json: campaign };
  },
  "GET /campaigns/:id": ({ db, params }) => ({ json: find(db, params.id) }),
  "PATCH /campaigns/:id": (call) => {
    const campaign = find(call.db, call.params.id);
    expect(campaign, ["draft"], "changed");
    changeVersioned(campaign, "campaign", bodyOf<Partial<Campaign>>(call));
    campaign.subject_pieces = piecesOf(campaign.subject);
    return { json: campaign };
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
    const flags: Record<string, boolean> = {
      "came-back": true,
      opened: true,
      clicked: true,
      automatic: true,
      complained: true,
      unsubscribed: true,
    };
    const found = db.recipients.filter(
      (entry) =>
        entry.campaign === params.id &&
        (!status || (status in flags ? entry[status.replace("-", "_") as "opened"] : entry.state === status)),
    );
    const { items, next } = page(found, query);
    return {
      json: { items: items.map(({ events: _events, message: _message, campaign: _campaign, ...rest }) => rest), next },
    };
  },
};
