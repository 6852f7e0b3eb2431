// Histories of some hundred recipients of the running campaign, with every kind of event.
import type { Campaign, CampaignRecipient, Contact, MailEvent, RecipientState, Reply } from "../../app/api/types";
import { type MockProvider, type MockReply, PROVIDERS } from "./providers";
import { pick, pickWeighted, type Random } from "./random";
import { SOURCES } from "./sources";
import { makeTranscript } from "./transcript";

export interface MockRecipient extends CampaignRecipient {
  message: string;
  campaign: string;
  events: MailEvent[];
}

const AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
  "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
];

interface Maker {
  random: Random;
  ids: (at?: number) => string;
  campaign: Campaign;
  message: string;
}

function providerOfAddress(address: string): MockProvider {
  const domain = address.split("@")[1] ?? "";
  return PROVIDERS.find((provider) => provider.domains.includes(domain)) ?? (PROVIDERS[0] as MockProvider);
}

export function makeRecipient(maker: Maker, contact: Contact, received: number, now: number): MockRecipient {
  const { random, ids, campaign, message } = maker;
  const provider = providerOfAddress(contact.address);
  const recipient = ids(received);
  const source = pick(random, SOURCES);
  const shared = {
    v: 1,
    message,
    recipient,
    address: contact.address,
    sender: `b.${recipient}.x7k2@bounce.verriere.example`,
    tenant: "default",
    stream: campaign.stream,
    job: "autumn-catalogue",
    campaign: campaign.id,
    contact: contact.id,
    provider: provider.name,
  };
  const events: MailEvent[] = [];
  const add = (at: number, event: Omit<MailEvent, "v" | "id" | "at"> & { kind: MailEvent["kind"] }) =>
    events.push({
      ...shared,
      ...event,
      id: `${recipient}.${65_536 * (events.length + 1)}`,
      at: new Date(at).toISOString(),
    });
  add(received, { kind: "received", size_bytes: 14_820 });

  let at = received + provider.p50 * 400 + random() * provider.p95 * 300;
  let attempts = 0;
  let state: RecipientState = "queued";
  let last: MockReply | null = null;
  while (at < now && state !== "delivered" && state !== "bounced") {
    attempts += 1;
    const dice = random();
    const deferred = dice < provider.defer * 3 && attempts < 4;
    const bounced = !deferred && dice > 1 - provider.bounce * 2;
    const failure = deferred || bounced;
    const choices = provider.replies.filter((reply) => reply.kind === (deferred ? "deferred" : "bounced"));
    const said = failure && choices.length > 0 ? pickWeighted(random, choices) : null;
    const reply: Reply = said
      ? { code: said.code, ...(said.enhanced ? { enhanced: said.enhanced } : {}), text: said.sample }
      : { code: 250, enhanced: "2.0.0", text: `OK ${Math.floor(at / 1000)} x${Math.floor(random() * 1e6)} - gsmtp` };
    const phase = said?.category === "bad-mailbox" ? "rcpt-to" : "dot";
    const wait = 60_000 * 2 ** attempts;
    state = said ? (deferred ? "deferred" : "bounced") : "delivered";
    if (said) last = said;
    const mx = pick(random, provider.mx);
    const keep = said !== null || random() < 0.25;
    add(at, {
      kind: state,
      source: source.name,
      attempt: {
        number: attempts,
        site: provider.site,
        mx_host: mx,
        mx_address: `198.51.100.${Math.floor(random() * 200 + 10)}`,
        source_address: source.address,
        phase,
        reply,
        ...(said ? { category: said.category, scope: said.blocked ? "source" : "recipient" } : {}),
        ...(said?.category === "bad-mailbox" ? { suppress: true } : {}),
        tls: "TLSv1.3 TLS13_AES_256_GCM_SHA384",
        ...(state === "deferred" ? { next_attempt: new Date(at + wait).toISOString() } : {}),
        queued_ms: Math.round(at - received),
        connect_ms: Math.round(8 + random() * 40),
        tls_ms: Math.round(20 + random() * 60),
        transaction_ms: Math.round(90 + random() * 900),
        ...(keep
          ? {
              transcript: makeTranscript({ source, mx, sender: shared.sender, address: contact.address, reply, phase }),
            }
          : {}),
      },
    });
    if (state === "deferred") at += wait;
  }

  const reactions = {
    came_back: false,
    opened: false,
    clicked: false,
    automatic: false,
    complained: false,
    unsubscribed: false,
  };
  if (state === "delivered") {
    const touch = at + random() * 240_000;
    const agent = { client: "203.0.113.74", user_agent: pick(random, AGENTS) };
    if (provider.name === "microsoft365" && random() < 0.3) {
      reactions.automatic = true;
      const scan = {
        client: "192.0.2.80",
        user_agent: "LinkChecker/1.4",
        link: 0,
        url: "https://verriere.example/automne",
      };
      add(at + 900, { kind: "clicked", touch: scan });
    }
    if (touch < now && random() < provider.open) {
      reactions.opened = true;
      add(touch, { kind: "opened", touch: agent });
      if (random() < 0.25) {
        reactions.clicked = true;
        add(touch + 21_000, { kind: "clicked", touch: { ...agent, link: 0, url: "https://verriere.example/automne" } });
      }
    }
    if (random() < 0.006) {
      reactions.complained = true;
      add(touch + 60_000, { kind: "complaint", report: { what: "abuse", reporter: "Yahoo!-Mail-Feedback/2.0" } });
    }
    if (random() < 0.008) {
      reactions.unsubscribed = true;
      if (campaign.list)
        add(touch + 90_000, { kind: "unsubscribed", list: campaign.list, touch: { ...agent, method: "one-click" } });
    }
  }
  const change = events.findLast((event) => event.attempt) ?? events[0];
  return {
    recipient,
    contact: contact.id,
    address: contact.address,
    provider: provider.name,
    state,
    attempts,
    last_reply: last ? [last.code, last.enhanced, last.sample].filter(Boolean).join(" ") : null,
    category: last?.category ?? null,
    at: change?.at ?? new Date(received).toISOString(),
    ...reactions,
    message,
    campaign: campaign.id,
    events,
  };
}
