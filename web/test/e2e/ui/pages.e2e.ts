// Every page, small and large, light and dark: opens without a complaint, fits the window, passes axe.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Db } from "../../../mock-api/db";
import {
  axe,
  type Look,
  logIn,
  openPage,
  type Site,
  screenshot,
  settled,
  sideScroll,
  startBrowser,
  startSite,
} from "../harness";

let site: Site;
let browser: Browser;

beforeAll(async () => {
  site = await startSite();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the seed lacks what this test needs");
  return value;
}

function pagesOf(db: Db): [string, string][] {
  const sending = must(db.campaigns.find((campaign) => campaign.state === "sending"));
  const draft = must(db.campaigns.find((campaign) => campaign.name === "Workshop open day"));
  const list = must(db.lists[0]);
  const contact = must(db.contacts[3]);
  const deferred = must(db.recipients.find((recipient) => recipient.events.some((event) => event.kind === "deferred")));
  return [
    ["campaigns", "/campaigns"],
    ["campaign-edit", `/campaigns/${draft.id}/edit`],
    ["campaign-settings", `/campaigns/${draft.id}/edit?tab=settings`],
    ["campaign-check", `/campaigns/${draft.id}/edit?tab=check`],
    ["report", `/campaigns/${sending.id}`],
    ["report-recipients", `/campaigns/${sending.id}?tab=recipients`],
    ["lists", "/lists"],
    ["list", `/lists/${list.id}`],
    ["import", `/lists/${list.id}/import`],
    ["contacts", "/contacts"],
    ["contact", `/contacts/${contact.id}`],
    ["suppressions", "/suppressions"],
    ["queues", "/delivery/queues"],
    ["path", "/delivery/queues/mkt-1/smtp-in.orange.fr"],
    ["queue-mail", "/delivery/mail?filter=provider%3Aorange"],
    ["resolve", "/delivery/resolve?domain=orange.fr"],
    ["resolve-trouble", "/delivery/resolve?domain=nowhere.invalid"],
    ["resolve-start", "/delivery/resolve"],
    ["sources", "/delivery/sources"],
    ["provider-rules", "/delivery/providers?name=orange"],
    ["dkim", "/delivery/dkim"],
    ["now", "/monitoring/now"],
    ["now-tiles", "/monitoring/now?view=tiles&minutes=15"],
    ["providers", "/monitoring/providers"],
    ["provider", "/monitoring/providers/orange"],
    ["search", "/monitoring/search?q=provider%3Aorange%20kind%3Adeferred"],
    ["search-start", "/monitoring/search"],
    ["search-error", "/monitoring/search?q=provider%3Agmail%20kidn%3Adeferred"],
    ["history", `/monitoring/recipients/${deferred.recipient}`],
    ["history-address", `/monitoring/recipients?address=${deferred.address}`],
    ["history-message", `/monitoring/messages/${deferred.message}`],
    ["own-account", "/settings/account"],
    ["accounts", "/settings/accounts"],
    ["api-keys", "/settings/api-keys"],
    ["nowhere", "/no/such/page"],
  ];
}

/** Pages shown in every look; the rest is seen large, small and dark. */
const MAIN = ["campaigns", "campaign-edit", "report", "queues", "queue-mail", "now", "provider", "search", "history"];

const LOOKS: Look[] = [
  { width: 1440, scheme: "light" },
  { width: 1440, scheme: "dark", language: "fr" },
  { width: 768, scheme: "light" },
  { width: 768, scheme: "dark", language: "fr" },
  { width: 360, scheme: "light", language: "fr" },
  { width: 360, scheme: "dark" },
];

describe.each(LOOKS)("at $width px, $scheme", (look) => {
  it("shows every page without a flaw", { timeout: 300_000 }, async () => {
    const { page, context, complaints } = await openPage(browser, look, site.url);
    const tag = `${look.width}-${look.scheme}`;
    const flaws: unknown[] = [];
    const inspect = async (name: string) => {
      await settled(page);
      await screenshot(page, `${name}-${tag}`);
      for (const finding of await axe(page)) flaws.push({ page: name, ...finding });
      const wider = await sideScroll(page);
      if (wider > 0) flaws.push({ page: name, wider });
    };
    await page.goto(`${site.url}/login`);
    await inspect("login");
    await logIn(page, site.url, "admin@verriere.example", "demo");
    const all = look.width === 1440 || (look.width === 360 && look.scheme === "light");
    for (const [name, path] of pagesOf(site.mock.db)) {
      if (!all && !MAIN.includes(name)) continue;
      await page.goto(site.url + path);
      await inspect(name);
    }
    expect(flaws).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
