// A walk through the real program with the demo in it. Needs IES_URL and IES_PASSWORD (IES_EMAIL: admin@localhost when absent):
//   IES_URL=http://127.0.0.1:8080 IES_EMAIL=… IES_PASSWORD=… npm run e2e:demo
// Screenshots go to test/artifacts/demo-*.png. Skipped when IES_URL is not given.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  axe,
  type Finding,
  logIn,
  openPage,
  screenshot,
  settled,
  sideScroll,
  startBrowser,
  type Visit,
} from "./harness";

const url = (process.env.IES_URL ?? "").replace(/\/$/, "");
const email = process.env.IES_EMAIL ?? "admin@localhost";
const password = process.env.IES_PASSWORD ?? "";
/** Set in place of a one-time password, when the program asks for an own one. */
const ownPassword = process.env.IES_NEW_PASSWORD ?? `${password}-for-the-demo`;

interface Flaw extends Partial<Finding> {
  at: string;
  wider?: number;
}

describe.skipIf(url === "")("the demo", () => {
  let browser: Browser;
  let visit: Visit;
  const flaws: Flaw[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    visit = await openPage(browser, { width: 1440, scheme: "light" }, url);
  });

  afterAll(async () => {
    await browser.close();
  });

  async function inspect(page: Page, name: string): Promise<void> {
    await settled(page);
    await screenshot(page, `demo-${name}`);
    for (const finding of await axe(page)) flaws.push({ at: name, ...finding });
    const wider = await sideScroll(page);
    if (wider > 0) flaws.push({ at: name, wider });
  }

  it("logs in", async () => {
    const { page } = visit;
    await page.goto(`${url}/login`);
    await inspect(page, "login");
    await logIn(page, url, email, password);
    await settled(page);
    const dialog = page.getByRole("dialog");
    if ((await dialog.count()) > 0 && (await dialog.locator('input[autocomplete="new-password"]').count()) === 2) {
      for (const field of await dialog.locator('input[autocomplete="new-password"]').all())
        await field.fill(ownPassword);
      await dialog.locator('button[type="submit"]').click();
      await dialog.waitFor({ state: "detached" });
    }
  });

  it("shows what happens now", async () => {
    const { page } = visit;
    await page.goto(`${url}/monitoring/now?minutes=1440`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("table", { name: "By provider" }).locator("tbody tr").first().waitFor();
    expect(await page.getByRole("table", { name: "By provider" }).locator("tbody tr").count()).toBeGreaterThan(1);
    // What a newcomer asks first: what is being sent, who slows it down and why, and what was said to one recipient.
    await page
      .getByRole("heading", { name: /^(Being sent|Last campaign sent)$/ })
      .locator("xpath=ancestor::section[1]")
      .locator('a[href^="/campaigns/"]')
      .first()
      .waitFor();
    await inspect(page, "now");
    await page.getByText("Tiles", { exact: true }).click();
    await inspect(page, "now-tiles");
    await page.goto(`${url}/monitoring/providers`);
    await page.locator("tbody a").first().click();
    await page.locator("canvas").first().waitFor();
    await inspect(page, "provider");
  });

  it("leads from a provider in trouble to one recipient's dialogue", async () => {
    const { page } = visit;
    await page.goto(`${url}/monitoring/now?minutes=1440`);
    const trouble = page.getByRole("heading", { name: /^Where mail (is|was) slowed or refused$/ });
    await trouble.waitFor();
    const first = trouble.locator("xpath=ancestor::section[1]").locator("li").first();
    await first.getByRole("button", { name: "Read a dialogue" }).click();
    await page.waitForURL("**/monitoring/recipients/*");
    await page.getByRole("list", { name: "SMTP dialogue" }).first().waitFor();
    await inspect(page, "trouble-dialogue");
  });

  it("shows the campaign and its report", async () => {
    const { page } = visit;
    await page.goto(`${url}/campaigns`);
    await page.locator("tbody a").first().waitFor();
    await inspect(page, "campaigns");
    const sent = page.locator('tbody a[href^="/campaigns/"]:not([href$="/edit"])').first();
    await sent.click();
    await page.getByText("From audience to click").first().waitFor();
    await page.locator("canvas").first().waitFor();
    await inspect(page, "report");
    await page.getByRole("tab", { name: "Recipients" }).click();
    await page.locator("tbody a").first().waitFor();
    await inspect(page, "report-recipients");
    await page.getByRole("link", { name: "View content" }).click();
    await page.locator(".cm-content").waitFor();
    await page.locator("iframe").waitFor();
    await inspect(page, "content");
  });

  it("shows the queues and their rules", async () => {
    const { page } = visit;
    await page.goto(`${url}/delivery/queues`);
    await page.getByText("on a connection now").first().waitFor();
    await inspect(page, "queues");
    await page.goto(`${url}/delivery/sources`);
    await page.locator("tbody tr").first().waitFor();
    await inspect(page, "sources");
    await page.goto(`${url}/delivery/providers`);
    await page.locator("main button[aria-expanded]").first().click();
    await inspect(page, "provider-rules");
  });

  it("finds a failure and reads its dialogue", async () => {
    const { page } = visit;
    await page.goto(`${url}/monitoring/search?range=all`);
    await page.getByLabel("Search events").fill("kind:deferred,bounced");
    await page.keyboard.press("Enter");
    await page.locator("tbody tr").first().waitFor();
    await page
      .getByRole("button", { name: /^Show details/ })
      .first()
      .click();
    await inspect(page, "search");
    await page.getByLabel("Search events").fill("kidn:deferred");
    await page.keyboard.press("Enter");
    expect(await page.getByRole("alert").locator("mark").textContent()).toBe("kidn");
    await inspect(page, "search-error");
    await page.getByRole("button", { name: "Did you mean kind?" }).click();
    await page.locator("tbody tr").first().waitFor();
    expect(await page.getByLabel("Search events").inputValue()).toBe("kind:deferred");
    await page.goto(`${url}/monitoring/search?range=all&q=kind%3Adeferred%2Cbounced`);
    await page.locator('tbody a[href^="/monitoring/recipients/"]').first().click();
    const dialogue = page.getByRole("list", { name: "SMTP dialogue" }).first();
    await dialogue.waitFor();
    expect(await dialogue.textContent()).toMatch(/EHLO|\b[245]\d\d/);
    await inspect(page, "history");
  });

  it("shows lists, contacts and suppressions", async () => {
    const { page } = visit;
    for (const name of ["lists", "contacts", "suppressions"]) {
      await page.goto(`${url}/${name}`);
      await inspect(page, name);
    }
  });

  it("speaks French, in the dark, on a phone", async () => {
    const { page } = visit;
    await page.goto(`${url}/monitoring/now`);
    await settled(page);
    await page.keyboard.press("t");
    await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
    await page.getByRole("button", { name: /Account menu/ }).click();
    await page.getByText("Français").click();
    await page.getByRole("heading", { name: "Maintenant" }).waitFor();
    await page.keyboard.press("Escape");
    await inspect(page, "now-french-dark");
    await page.setViewportSize({ width: 360, height: 780 });
    await inspect(page, "now-french-dark-360");
    await page.goto(`${url}/campaigns`);
    await inspect(page, "campaigns-french-dark-360");
  });

  it("left nothing to complain about", () => {
    expect(flaws).toEqual([]);
    expect(visit.complaints).toEqual([]);
  });
});
