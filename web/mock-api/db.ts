// The state behind the mock API: seeded once, changed by requests and by the clock.

import type {
  Account,
  ApiKey,
  BulkEntry,
  Campaign,
  Contact,
  ControlEntry,
  DkimKey,
  Field,
  Import,
  List,
  QueueTotals,
  Recording,
  Suppression,
  Tick,
  WarmUp,
} from "../app/api/types";
import { firstVersion } from "./http";
import { makeCampaigns } from "./seed/campaigns";
import { type MockRecipient, makeRecipient } from "./seed/events";
import { FIELDS, makeContacts } from "./seed/people";
import { makeIds, makeRandom, type Random } from "./seed/random";
import { makeDkimKeys } from "./seed/rules";
import { makeWarmUps } from "./seed/warm-ups";

export interface MockImport extends Import {
  total_rows: number;
}

export interface Db {
  random: Random;
  ids: (at?: number) => string;
  startedAt: number;
  loggedIn: Account | null;
  accounts: Account[];
  passwords: Map<string, string>;
  keys: ApiKey[];
  lists: List[];
  fields: Field[];
  contacts: Contact[];
  imports: MockImport[];
  suppressions: Suppression[];
  campaigns: Campaign[];
  recipients: MockRecipient[];
  controls: ControlEntry[];
  bulkOrders: BulkEntry[];
  suspendedSources: Set<string>;
  /** Rules that persons have put into shadow, or taken out of it. */
  shadows: Map<string, boolean>;
  dkim: DkimKey[];
  recordings: Recording[];
  warmUps: WarmUp[];
  queue: QueueTotals;
  /** Ticks since the start, youngest last; bounded. */
  ticks: Tick[];
}

const SECOND = 1000;

function makeAccounts(ids: (at?: number) => string, now: number): Account[] {
  const make = (email: string, name: string, role: Account["role"], days: number): Account => ({
    id: ids(now - days * 86_400_000),
    email,
    name,
    role,
    language: "en",
    must_change_password: false,
    disabled: false,
    created_at: new Date(now - days * 86_400_000).toISOString(),
  });
  return [
    make("admin@verriere.example", "Claire Fontaine", "admin", 210),
    make("marketing@verriere.example", "Hugo Lefèvre", "marketer", 190),
    make("ops@verriere.example", "Anke Müller", "operator", 185),
    make("board@verriere.example", "Paul Garcia", "viewer", 40),
  ];
}

function makeSuppressions(contacts: Contact[]): Suppression[] {
  return contacts
    .filter((contact) => contact.status !== "active")
    .map((contact) => ({
      address: contact.address,
      reason: contact.status === "bounced" ? "bounce" : contact.status === "complained" ? "complaint" : "unsubscribe",
      stream: contact.status === "bounced" ? null : "marketing",
      note: contact.status === "bounced" ? "550 5.1.1 user does not exist" : "",
      campaign: null,
      list: contact.status === "unsubscribed" ? (contact.lists[0]?.id ?? null) : null,
      list_name: contact.status === "unsubscribed" ? (contact.lists[0]?.name ?? null) : null,
      tenant: null,
      created_at: contact.created_at,
    }));
}

function makeHistories(db: Db, now: number): MockRecipient[] {
  const campaign = db.campaigns.find((entry) => entry.state === "sending");
  if (!campaign?.started_at) return [];
  const start = new Date(campaign.started_at).getTime();
  const message = db.ids(start);
  const maker = { random: db.random, ids: db.ids, campaign, message };
  return db.contacts
    .filter((contact) => contact.status === "active")
    .map((contact, index) => makeRecipient(maker, contact, start + index * 320, now))
    .filter((recipient) => new Date(recipient.events[0]?.at ?? 0).getTime() < now);
}

export function makeDb(seed = 7): Db {
  const random = makeRandom(seed);
  const ids = makeIds(random);
  const now = Date.now();
  const day = 86_400_000;
  const list = (name: string, description: string, contacts: number, days: number): List => ({
    id: ids(now - days * day),
    name,
    description,
    contacts,
    created_at: new Date(now - days * day).toISOString(),
    ...firstVersion(new Date(now - days * day).toISOString()),
  });
  const lists = [
    list("Newsletter", "Monthly letter with new lamps; sign-up in the shop and at the cash desk", 20_412, 610),
    list("Loyalty programme", "Customers with a card", 8_430, 420),
    list("Workshop visitors", "Signed up at the open days", 1_265, 300),
    list("Press", "Journalists who asked for news", 87, 250),
  ];
  const contacts = makeContacts(random, ids, lists, 620, now);
  const db: Db = {
    random,
    ids,
    startedAt: now,
    loggedIn: null,
    accounts: makeAccounts(ids, now),
    passwords: new Map(),
    keys: [
      {
        id: ids(),
        name: "Shop, order mails",
        scopes: ["inject"],
        prefix: "ies_k3v8",
        created_by: "admin@verriere.example",
        created_at: new Date(now - 120 * day).toISOString(),
        last_used_at: new Date(now - 40 * SECOND).toISOString(),
      },
      {
        id: ids(),
        name: "Grafana",
        scopes: ["read"],
        prefix: "ies_p0qa",
        created_by: "ops@verriere.example",
        created_at: new Date(now - 60 * day).toISOString(),
        last_used_at: null,
      },
    ],
    lists,
    fields: FIELDS.map((field) => ({ ...field })),
    contacts,
    imports: [],
    suppressions: makeSuppressions(contacts),
    campaigns: makeCampaigns(ids, lists, now),
    recipients: [],
    controls: [],
    bulkOrders: [],
    suspendedSources: new Set(),
    shadows: new Map(),
    dkim: makeDkimKeys(now),
    recordings: [],
    warmUps: makeWarmUps(now),
    queue: { scheduled: 1_480, held: 0, ready: 3_210, in_flight: 64, done: 1_204_331 },
    ticks: [],
  };
  db.recipients = makeHistories(db, now);
  return db;
}
