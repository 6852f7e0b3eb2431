// Lists and contacts: a new list, an import with rejected rows, a changed contact, a suppression.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { axe, logIn, openPage, type Site, screenshot, startBrowser, startSite } from "../harness";

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

const CSV = [
  "E-mail;Name;City;Shoe size",
  "zoe@example.fr;Zoé;Lyon;38",
  "no-address;Nobody;Paris;40",
  "jo@example.fr;Jo;Nantes;41",
  "al@example.fr;Al;Lille;39",
].join("\n");

it("imports a file into a new list", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 360, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.goto(`${site.url}/lists`);
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Spring fair");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByText("This list has no contacts").waitFor();
  await page.getByRole("link", { name: "Import contacts" }).first().click();

  await page
    .locator('input[type="file"]')
    .setInputFiles({ name: "fair.csv", mimeType: "text/csv", buffer: Buffer.from(CSV) });
  await page.getByText("zoe@example.fr · no-address").waitFor();
  // The address was recognised; taking it away is noticed at once.
  const address = page.getByRole("combobox", { name: "Goes to: E-mail" });
  expect(await address.inputValue()).toBe("Address");
  await screenshot(page, "import-columns-360");
  expect(await axe(page)).toEqual([]);
  await page.getByRole("button", { name: "Start import" }).click();
  await page.getByText("Import finished").waitFor({ timeout: 20_000 });
  await page.getByRole("link", { name: "Download rejected rows" }).waitFor();
  await screenshot(page, "import-done-360");
  await page.getByRole("link", { name: "Go to the list" }).click();
  await page.getByRole("heading", { name: "Spring fair" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("finds and changes a contact", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.goto(`${site.url}/contacts`);
  const first = await page.locator("tbody a").first().textContent();
  await page.getByLabel("Search by address or name").fill((first ?? "").slice(0, 9));
  await page.waitForURL("**/contacts?q=*");
  await page.locator("tbody a").first().click();
  await page.getByLabel("City").fill("Strasbourg");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("Contact saved").waitFor();
  await page.reload();
  expect(await page.getByLabel("City").inputValue()).toBe("Strasbourg");
  expect(complaints).toEqual([]);
  await context.close();
});

it("suppresses an address and allows it again", async () => {
  const { page, context } = await openPage(browser, { width: 1440, scheme: "dark" }, site.url);
  await logIn(page, site.url, "admin@verriere.example", "demo");
  await page.goto(`${site.url}/suppressions`);
  await page.getByRole("button", { name: "Add addresses" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Addresses").fill("never@example.org, nonsense");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText("1 address added").waitFor();
  await dialog.getByText(/Not accepted: nonsense/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).first().click();
  await page.getByRole("textbox", { name: "Search by address" }).fill("never@");
  await page.waitForURL("**q=never*");
  await page.getByRole("button", { name: "Allow again" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Allow again" }).click();
  await page.getByText("No suppressed address matches").waitFor();
  await context.close();
});
