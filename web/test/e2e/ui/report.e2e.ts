// The report of a campaign: numbers that add up and name their base, people apart from programs, and nothing cut at any width.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

function idOf(name: string): string {
  const campaign = site.mock.db.campaigns.find((entry) => entry.name === name);
  if (!campaign) throw new Error(`the seed lacks ${name}`);
  return campaign.id;
}

const SENT = "Newsletter November";
const SENDING = "Autumn catalogue";

const number = (text: string) => Number(text.replace(/[^\d]/g, ""));

/** The figures of a strip by their label. */
function figures(page: Page, name: string): Promise<Record<string, string>> {
  return page.locator(`dl[aria-label="${name}"] > div`).evaluateAll((tiles) =>
    Object.fromEntries(
      tiles.map((tile) => {
        const label = tile.querySelector("dt button") ?? tile.querySelector("dt");
        const own = [...(label?.childNodes ?? [])].filter((node) => node.nodeType === Node.TEXT_NODE);
        return [
          own
            .map((node) => node.textContent)
            .join("")
            .trim(),
          tile.querySelector("dd")?.textContent ?? "",
        ];
      }),
    ),
  );
}

/** The sum of each column of a table, by its header. */
function sums(page: Page, name: string): Promise<Record<string, number>> {
  return page.locator(`section[aria-label="${name}"] table`).evaluate((table) => {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent?.trim() ?? "");
    const rows = [...table.querySelectorAll("tbody tr")];
    const value = (row: Element, place: number) => Number(row.children[place]?.textContent?.replace(/[^\d]/g, ""));
    return Object.fromEntries(
      heads.map((head, place) => [head, rows.reduce((sum, row) => sum + value(row, place), 0)]),
    );
  });
}

it.each([SENT, SENDING])("adds up: %s", { timeout: 60_000 }, async (name) => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  site.mock.stop();
  await page.goto(`${site.url}/campaigns/${idOf(name)}`);
  await settled(page);
  const found = await figures(page, "What became of the mail");
  const labels = ["Delivered", "Bounced", "Expired", "Cancelled or suppressed", "Under way"];
  expect(Object.keys(found)).toEqual(["Sent", ...labels]);
  const parts = labels.map((label) => number(found[label] ?? ""));
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(number(found.Sent ?? ""));
  const back = (await sums(page, "By provider"))["Came back"] ?? 0;
  expect(back).toBeGreaterThan(0);
  const delivered = `${found.Delivered} delivered (of which ${back.toLocaleString("en")} came back later)`;
  await page.getByText(`${found.Sent} sent = ${delivered} + ${found.Bounced} bounced`).waitFor();
  const columns = await sums(page, "By provider");
  const same = { Sent: found.Sent, Delivered: found.Delivered, Bounced: found.Bounced, Expired: found.Expired };
  for (const [column, figure] of Object.entries(same))
    expect([column, columns[column]]).toEqual([column, number(figure ?? "")]);
  expect([columns.Cancelled, columns["Under way"]]).toEqual(parts.slice(3));
  expect(complaints).toEqual([]);
  await context.close();
});

it("tells people from programs, names what a rate is of, and shows readable links", { timeout: 60_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.goto(`${site.url}/campaigns/${idOf(SENT)}`);
  await settled(page);
  const strip = page.locator('dl[aria-label="What people did with it"]');
  expect(await strip.getByText(/^of delivered: [\d,]+ people$/).count()).toBe(4);
  await strip.getByText(/clicks in all, of which [\d,]+ automatic/).waitFor();
  await strip.getByText("Clicked").hover();
  await page
    .getByRole("tooltip")
    .getByText(/link checker of a mail gateway/)
    .waitFor();
  expect(await page.locator('ol[aria-label="From audience to click"]').innerText()).toMatch(
    /% of audience[\s\S]*% of sent[\s\S]*% of delivered[\s\S]*% of delivered/,
  );
  const links = page.getByRole("region", { name: "Links" });
  await links.getByText("{last product}").waitFor();
  expect(await page.locator("main").innerText()).not.toMatch(/\{\{|\{%/);
  // Three minutes are seen by the second or two, not as three points.
  const panel = page.locator("section", { has: page.getByRole("heading", { name: "Delivery over time" }) }).last();
  await panel.locator("label", { hasText: "Table" }).click();
  expect(await panel.locator("tbody tr").count()).toBeGreaterThan(60);
  await page.getByRole("tab", { name: "Recipients" }).click();
  await page.getByRole("combobox", { name: "Show" }).click();
  await page.getByRole("option", { name: "Automatic" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("shows one subject in the list and in the report", { timeout: 60_000 }, async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await settled(page);
  const row = page.getByRole("row", { name: new RegExp(SENDING) });
  await row.getByText("{Name}").waitFor();
  await row.getByRole("link", { name: SENDING }).click();
  await page.getByRole("heading", { name: SENDING }).waitFor();
  await page.locator("header", { hasText: "{Name}, forty lamps for longer evenings" }).waitFor();
  await context.close();
});

it.each([
  ["campaigns", "", "campaign"],
  ["campaigns", "/edit", "campaign"],
  ["lists", "", "list"],
  ["contacts", "", "contact"],
])("leads back from one of the %s that does not exist (%s)", async (place, end, what) => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.goto(`${site.url}/${place}/0000000000000${end}`);
  await page.getByRole("heading", { name: `There is no such ${what}` }).waitFor();
  expect(await page.getByRole("button", { name: "Try again" }).count()).toBe(0);
  await page.getByRole("link", { name: `Back to the ${place}` }).click();
  await page.waitForURL(`**/${place}`);
  await context.close();
});

/** Elements whose content is wider than they are and can neither be scrolled to nor is marked as cut. */
function cut(page: Page): Promise<string[]> {
  return page.locator("#content").evaluate((content) =>
    [...content.querySelectorAll<HTMLElement>("*")]
      .filter((element) => {
        const style = getComputedStyle(element);
        const hides = style.overflowX === "hidden" || style.overflowX === "clip";
        const marked = style.textOverflow === "ellipsis" || style.clipPath !== "none";
        return hides && !marked && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
      })
      .map((element) => `${element.tagName}.${element.className}: ${element.innerText.slice(0, 60)}`),
  );
}

it("says that a table goes on to the right, and keeps the names in view", { timeout: 60_000 }, async () => {
  const { page, context } = await openPage(browser, { width: 765, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.goto(`${site.url}/campaigns/${idOf(SENT)}`);
  await settled(page);
  const table = page.getByRole("region", { name: "By provider" });
  await table.scrollIntoViewIfNeeded();
  expect(await table.evaluate((box) => [box.scrollWidth > box.clientWidth, box.hasAttribute("data-more")])).toEqual([
    true,
    true,
  ]);
  await table.evaluate((box) => box.scrollTo({ left: box.scrollWidth }));
  await page.waitForFunction(() => !document.querySelector('section[aria-label="By provider"][data-more]'));
  const name = await table.getByRole("link", { name: "Gmail" }).boundingBox();
  const frame = await table.boundingBox();
  expect(name && frame && name.x >= frame.x).toBe(true);
  await screenshot(page, "report-table-765-light");
  await context.close();
});

const WIDTHS = [360, 640, 765, 768, 1024, 1440];
const LOOKS: Look[] = [
  { width: 1440, scheme: "light" },
  { width: 1440, scheme: "dark", language: "fr" },
];

describe.each(LOOKS)("in $scheme", (look) => {
  it("fits every width", { timeout: 240_000 }, async () => {
    const { page, context, complaints } = await openPage(browser, look, site.url);
    await logIn(page, site.url, "marketing@verriere.example", "demo");
    const flaws: unknown[] = [];
    const pages = [
      ["campaigns", "/campaigns"],
      ["report-sent", `/campaigns/${idOf(SENT)}`],
      ["report-sending", `/campaigns/${idOf(SENDING)}`],
      ["report-recipients", `/campaigns/${idOf(SENDING)}?tab=recipients`],
    ] as const;
    for (const [name, path] of pages) {
      await page.goto(site.url + path);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: width < 600 ? 780 : 900 });
        await settled(page);
        const wider = await sideScroll(page);
        if (wider > 0) flaws.push({ name, width, wider });
        for (const what of await cut(page)) flaws.push({ name, width, cut: what });
        if (![360, 768, 1440].includes(width)) continue;
        await screenshot(page, `${name}-${width}-${look.scheme}`, true);
        for (const finding of await axe(page)) flaws.push({ name, width, ...finding });
      }
    }
    expect(flaws).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
