// Delivery and monitoring: queues, interventions, live numbers, search, history, keyboard, language, theme, session.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { axe, logIn, openPage, type Site, screenshot, settled, startBrowser, startSite } from "../harness";

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

it("suspends and resumes a path after saying what it concerns", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/queues`);
  await page.getByRole("textbox", { name: /Filter by virtual MTA/ }).fill("gmx");
  await page.getByRole("link", { name: "gmx" }).first().click();
  await page.getByRole("button", { name: "Suspend" }).click();
  await page
    .getByRole("dialog")
    .getByText(/recipients? (is|are) affected/)
    .waitFor();
  await screenshot(page, "control-1440");
  expect(await axe(page)).toEqual([]);
  await page.getByRole("dialog").getByLabel("Reason").fill("listed at a blocklist");
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await page
    .getByText(/^Suspended/)
    .first()
    .waitFor();
  await page.goto(`${site.url}/delivery/queues`);
  await page.getByRole("heading", { name: "Held or suspended manually" }).waitFor();
  await page.getByText("listed at a blocklist").first().waitFor();
  await page.getByRole("button", { name: "Resume" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await page.getByRole("heading", { name: "Held or suspended manually" }).waitFor({ state: "detached" });
  expect(complaints).toEqual([]);
  await context.close();
});

it("says first which virtual MTA is down, and who stands in for it", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/sources`);
  await page.getByRole("heading", { name: "1 virtual MTA cannot send" }).waitFor();
  await page.getByText("192.0.2.19 is not an address of this machine").first().waitFor();
  const table = page.getByRole("table", { name: "Virtual MTAs" });
  expect(await table.locator("tbody tr").first().textContent()).toContain("mkt-3");
  await table.getByText("2001:db8:17::1").waitFor();
  await table.getByText("through socks5 198.51.100.9:1080").waitFor();
  await page.getByText("standing by: spare-1").waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("tells what the rules did, puts one into test mode and lets it act again", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/providers?name=orange`);
  await page.getByRole("heading", { name: "2 findings in the rules" }).waitFor();
  await page.getByRole("table", { name: "In force now" }).getByText("mkt-1/orange").waitFor();
  const rules = page.getByRole("table", { name: "Rules of Orange" });
  await rules.getByText("1,204").waitFor();
  await rules.getByRole("button", { name: "Show more of orange-connections" }).click();
  await rules.getByText("providers.toml line 225").waitFor();
  await rules.getByRole("button", { name: "Into test mode…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It is in force in 1 place now; that ends.").waitFor();
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Into test mode…" }).click();
  await rules.getByText("Test mode", { exact: true }).waitFor();
  await page.getByRole("table", { name: "In force now" }).waitFor({ state: "detached" });
  await rules.getByRole("button", { name: "Let it act…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Let it act…" }).click();
  await page.getByRole("table", { name: "In force now" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("tells what holds for a domain, where it is set and what lost", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "board@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/queues`);
  await page.getByRole("button", { name: "What holds for a domain?" }).click();
  await page.getByText("Which domain?").waitFor();
  await page.getByLabel("Domain or address").fill("someone@orange.fr");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Mail to orange.fr" }).waitFor();
  await page.getByRole("table", { name: "Limits of mkt-1" }).getByText("instead of").waitFor();
  await page.getByText("Slowed to 1 connection").first().waitFor();
  await page.getByText("orange-connections", { exact: true }).waitFor();
  await page.getByLabel("Domain or address").fill("nowhere.invalid");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("The mail hosts are not known").waitFor();
  await page.getByLabel("Domain or address").fill("not a domain");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText(/is not the name of a domain/).waitFor();
  await page.goto(`${site.url}/delivery/resolve?domain=orange.fr&source=nobody`);
  await page.getByText("There is no virtual MTA nobody").waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("shows DKIM keys with the record to publish, makes, checks, rotates and erases them", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.waitForURL("**/delivery/dkim");
  const entry = (name: string) => page.getByRole("article", { name });
  await entry("Key s202611 of verriere.example").getByText("Publish this record: there is no TXT record").waitFor();
  await page.getByRole("button", { name: "Copy the value of s202611" }).waitFor();
  await page.getByRole("button", { name: "Check the DNS of verriere.example", exact: true }).click();
  await page.getByText("1 record is not right in the DNS").waitFor();
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Domain").fill("shop.example");
  await dialog.getByLabel("Selector").fill("first");
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Create" }).click();
  await entry("Key first of shop.example").getByText("Pending").waitFor();
  await page.getByRole("button", { name: "Sign now with first" }).click();
  await dialog.getByText("receivers find no key").waitFor();
  await dialog.getByRole("button", { name: "Sign now" }).click();
  await entry("Key first of shop.example").getByText("Active").waitFor();
  await page.getByRole("button", { name: "Rotate the keys of shop.example" }).click();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("button", { name: "Erase first-next" }).click();
  await dialog.getByRole("button", { name: "Erase" }).click();
  await entry("Key first-next of shop.example").getByText("The key is erased").waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("finds mail in the queue, narrows down, holds what is found and lets it go", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/queues`);
  await page.getByRole("button", { name: "Find mail…" }).click();
  await page.getByLabel("Filter", { exact: true }).fill("provider=orange nonsense");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText(/is not a term of a filter/).waitFor();
  await page.getByRole("button", { name: "Remove nonsense" }).click();
  await page.getByRole("region", { name: "Domain" }).getByRole("button").first().click();
  await page.waitForURL(/domain/);
  await page.getByRole("button", { name: /^With th/ }).click();
  await page.getByRole("menuitem", { name: "Hold" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/recipients? (is|are) affected/).waitFor();
  await dialog.getByLabel("Reason").fill("their MX is being moved");
  await screenshot(page, "queue-mail-hold-1440");
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Hold", exact: true }).click();
  const orders = page.getByRole("table", { name: "Orders in force" });
  await orders.getByText("their MX is being moved").waitFor();
  await orders.getByRole("button", { name: "Release" }).click();
  await orders.waitFor({ state: "detached" });
  expect(complaints).toEqual([]);
  await context.close();
});

it("holds mail by name after saying how much that is, and lists it until it is released", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/queues`);
  await page.getByRole("button", { name: "Hold mail…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Domain, such as").fill("orange.fr");
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Count what is affected" }).click();
  await dialog.getByText(/recipients? (is|are) affected/).waitFor();
  await dialog.getByRole("button", { name: "Hold", exact: true }).click();
  const list = page.getByRole("table", { name: "Held or suspended manually" });
  await list.getByText("orange.fr").waitFor();
  await list.getByText("ops@verriere.example").waitFor();
  await screenshot(page, "holds-1440");
  await list.getByRole("button", { name: "Release" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
  await list.waitFor({ state: "detached" });
  // Where a message is looked at, it can be held, too.
  const waiting = site.mock.db.recipients.find((recipient) => recipient.state === "deferred");
  await page.goto(`${site.url}/monitoring/messages/${waiting?.message}`);
  await page.getByRole("button", { name: "Hold", exact: true }).click();
  await page
    .getByRole("dialog")
    .getByText(/1 recipient is affected/)
    .waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Hold", exact: true }).click();
  await page.getByRole("button", { name: "Release" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("opens from the figure of the blocked the search that it counts", async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/monitoring/now`);
  await page.locator('a[href*="category%3Areputation"]').click();
  await page.getByLabel("Search events").waitFor();
  expect(await page.getByLabel("Search events").inputValue()).toBe(
    "kind:deferred,bounced category:reputation,spam-related,policy-related",
  );
  expect(new URL(page.url()).searchParams.get("range")).toBe("own");
  await context.close();
});

it("takes the key / to the search at the top on every page", async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  for (const path of ["campaigns", "contacts", "delivery/queues", "monitoring/search"]) {
    await page.goto(`${site.url}/${path}`);
    await page.locator("main h1").waitFor();
    await page.keyboard.press("/");
    const focused = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    expect(focused, path).toBe("Find an address, an id or an event");
  }
  await context.close();
});

it("explains why a recipient waits", async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  const waiting = site.mock.db.recipients.find((recipient) => recipient.state === "deferred");
  await page.goto(`${site.url}/delivery/queues?explain=${waiting?.recipient}`);
  await page.getByText("Pause before the next attempt").waitFor();
  await screenshot(page, "explain-1440");
  expect(await axe(page)).toEqual([]);
  await page.goto(`${site.url}/delivery/queues?explain=0000000000000`);
  await page.getByText("There is nothing here").waitFor();
  // What does not exist will not exist at the next try either.
  expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(0);
  await page.goto(`${site.url}/monitoring/recipients/0000000000000`);
  await page.getByText("No mail is known under this id").waitFor();
  await context.close();
});

it("shows live numbers, and each chart as a table", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "board@verriere.example", "demo");
  await page.goto(`${site.url}/monitoring/now`);
  await page.getByText("Live", { exact: true }).waitFor();
  const queued = page.getByText(/queued$/).last();
  await queued.waitFor();
  const before = await queued.textContent();
  await page.waitForFunction((text) => !document.body.textContent?.includes(text ?? ""), before, { timeout: 15_000 });
  await page.locator("canvas").first().waitFor();
  await page.getByRole("radiogroup", { name: "Show Outcome of attempts as" }).getByTitle("Table").click();
  await page.getByRole("table", { name: "Outcome of attempts" }).waitFor();
  await page.getByText("15 min", { exact: true }).click();
  await page.waitForURL("**minutes=15*");
  // A viewer is offered nothing that would be refused.
  await page.goto(`${site.url}/delivery/sources`);
  await settled(page);
  expect(await page.getByRole("button", { name: "Suspend" }).count()).toBe(0);
  expect(complaints).toEqual([]);
  await context.close();
});

it("searches, refines by clicking, and reads a dialogue", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.waitForURL("**/monitoring/search");
  await page.keyboard.press("/");
  await page.keyboard.type("kidn:deferred");
  await page.keyboard.press("Enter");
  const trouble = page.getByRole("alert");
  expect(await trouble.locator("mark").textContent()).toBe("kidn");
  await trouble.getByRole("button", { name: "Did you mean kind?" }).click();
  await page.waitForURL("**q=kind%3Adeferred*");
  await page
    .getByRole("button", { name: /^Show details/ })
    .first()
    .click();
  await page
    .getByRole("button", { name: "Exclude Provider orange" })
    .or(page.getByRole("button", { name: /^Exclude Provider/ }))
    .first()
    .click();
  await page.waitForURL("**-provider*");
  await page.getByRole("link", { name: /@/ }).first().click();
  const dialogue = page.getByRole("list", { name: "SMTP dialogue" });
  await dialogue.first().waitFor();
  await dialogue.first().getByText("EHLO", { exact: false }).first().waitFor();
  await screenshot(page, "dialogue-1440");
  expect(complaints).toEqual([]);
  await context.close();
});

it("hints at a value that nobody knows, beside what was found", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/monitoring/search?q=kind%3Adeferred%20-provider%3Agmial`);
  await page.locator("tbody tr").first().waitFor();
  await page.getByText(/events searched in/).waitFor();
  const hint = page.getByRole("status").filter({ hasText: "“gmial” is not known" });
  await screenshot(page, "search-hint-1440");
  expect(await axe(page)).toEqual([]);
  await hint.getByRole("button", { name: "Did you mean gmail?" }).click();
  await page.waitForURL("**q=kind%3Adeferred+-provider%3Agmail*");
  await page.locator("tbody tr").first().waitFor();
  await hint.waitFor({ state: "detached" });
  await page.goto(`${site.url}/monitoring/search?q=source%3Azzz`);
  await page.getByRole("status").filter({ hasText: "Known:" }).getByRole("button", { name: "mkt-1" }).click();
  await page.waitForURL("**q=source%3Amkt-1*");
  expect(complaints).toEqual([]);
  await context.close();
});

it("works by keyboard, in French, in the dark", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "admin@verriere.example", "demo");
  await page.goto(`${site.url}/campaigns`);
  await settled(page);
  await page.keyboard.press("Tab");
  await page.getByRole("link", { name: "Skip to the content" }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await screenshot(page, "help-1440");
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  await page.waitForURL("**/delivery/queues");
  await page.keyboard.press("t");
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
  await page.getByRole("button", { name: /Account menu/ }).click();
  await page.getByText("Français").click();
  await page.getByRole("heading", { name: "Files d’attente" }).waitFor();
  await screenshot(page, "account-menu-1440");
  expect(await axe(page)).toEqual([]);
  await page.reload();
  await page.getByRole("heading", { name: "Files d’attente" }).waitFor();
  expect(
    await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.mantineColorScheme]),
  ).toEqual(["fr", "dark"]);
  expect(complaints).toEqual([]);
  await context.close();
});

it("asks for an own password after the one-time password, shows secrets once, ends sessions politely", async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await page.goto(`${site.url}/login`);
  await page.getByLabel("E-mail address").fill("admin@verriere.example");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText(/do not match/).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.getByLabel("Password", { exact: true }).fill("once");
  await page.getByRole("button", { name: "Log in" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("New password", { exact: true }).fill("correct horse battery");
  await dialog.getByLabel("Repeat the new password").fill("correct horse battery");
  // The one-time password has been typed once: it is not asked for again.
  expect(await dialog.locator('input[type="password"]').count()).toBe(2);
  await screenshot(page, "own-password-1440");
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Set password" }).click();
  await page.getByText("Password changed").waitFor();

  await page.goto(`${site.url}/settings/api-keys`);
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Billing");
  await page.getByRole("dialog").getByLabel("Recipients a day (UTC)").fill("5000");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page
    .getByText(/^ies_7f2q/)
    .first()
    .waitFor();
  await screenshot(page, "api-key-1440");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  expect(await page.getByText("ies_7f2qk0v8").count()).toBe(0);
  // Its quota stands in the list, and can be changed.
  const billing = page.getByRole("row").filter({ hasText: "Billing" });
  await billing.getByText("5,000 a day").waitFor();
  await billing.getByRole("button", { name: "Change" }).click();
  await page.getByRole("dialog").getByLabel("Recipients in a time").fill("100/h");
  await page.getByRole("dialog").getByLabel("Sender domains").fill("example.com");
  await page.keyboard.press("Enter");
  await screenshot(page, "api-key-change-1440");
  expect(await axe(page)).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await billing.getByText("100/h · 5,000 a day · Sender domains: example.com").waitFor();

  // The session ends elsewhere: the next request leads to the login page and back.
  site.mock.db.loggedIn = null;
  await page.getByRole("link", { name: "Suppressions" }).click();
  await page.waitForURL("**/login?*");
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("E-mail address").fill("admin@verriere.example");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL("**/suppressions");
  await context.close();
});

it("leads from Now to the campaign, to the replies and to one recipient's dialogue", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/monitoring/now`);
  const panel = (name: string) => page.getByRole("heading", { name }).locator("xpath=ancestor::section[1]");
  await panel("Being sent").getByRole("link", { name: "Autumn catalogue" }).waitFor();
  const orange = panel("Where mail is slowed or refused").locator("li").first();
  await orange.getByText("says that mail is coming too fast").waitFor();
  await orange.getByText("now", { exact: true }).waitFor();
  await orange.getByRole("link", { name: /^Slowed to 1 connection/ }).waitFor();
  await orange.getByText(/recipients wait; next attempt at/).waitFor();
  // Free put mail off a while ago: in the past tense, with the time, and with nothing left to do.
  const all = panel("Where mail is slowed or refused");
  const more = all.getByRole("button", { name: /more providers?$/ });
  if (await more.isVisible()) await more.click();
  const free = all.locator("li").filter({ hasText: "asked unknown senders to come back later" });
  await free.getByText(/^earlier, until/).waitFor();
  await free
    .getByText("nothing is waiting any more")
    .or(free.getByText(/^sends on/))
    .waitFor();
  // Bad addresses are no attitude of a provider.
  await all
    .getByRole("list", { name: "Other failures" })
    .getByText(/^Bad addresses and full mailboxes/)
    .waitFor();
  await orange.getByRole("button", { name: "Read a dialogue" }).click();
  await page.waitForURL("**/monitoring/recipients/*");
  await page.getByRole("list", { name: "SMTP dialogue" }).first().waitFor();
  await page.goBack();
  await orange.getByRole("link", { name: "These replies" }).click();
  await page.waitForURL("**/monitoring/search?q=provider*");
  await page.locator("tbody tr").first().waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});
