// A campaign from its first word to its end: write, see errors, check, test, send, watch, pause, cancel.
import type { Browser, Page } from "playwright-core";
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

async function typeIntoEditor(page: Page, text: string): Promise<void> {
  await page.locator(".cm-content").click();
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.insertText(text);
}

it("loses nothing when two tabs save the same draft", { timeout: 120_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  await page.waitForURL("**/campaigns");
  await page.getByRole("button", { name: "New campaign" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Two tabs");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.waitForURL("**/edit");
  const second = await context.newPage();
  await second.goto(page.url());
  await second.getByLabel("Subject").waitFor();

  await page.getByRole("button", { name: "Begin with a template" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("All changes saved").waitFor();
  await second.getByLabel("Subject").fill("Hello");
  await second.getByRole("button", { name: "Save" }).click();
  const question = second.getByRole("dialog");
  await question.getByText("lea@verriere.example saved a change after you opened this").waitFor();
  await settled(second);
  expect(await axe(second)).toEqual([]);
  await question.getByRole("button", { name: "Save mine on top" }).click();
  await second.getByText("All changes saved").waitFor();
  expect(await second.locator(".cm-content").textContent()).toContain("Write here what this mail is about.");
  expect(await second.getByLabel("Subject").inputValue()).toBe("Hello");

  // The first tab is behind now: it takes over what the second one saved.
  await page.getByLabel("Subject").fill("Good day");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Changed by both, yours would win: Subject").waitFor();
  await page.getByRole("button", { name: "Load theirs, drop mine" }).click();
  expect(await page.getByLabel("Subject").inputValue()).toBe("Hello");
  await page.getByText("All changes saved").waitFor();
  // The browser itself tells of each 409.
  expect(complaints.filter((complaint) => !complaint.includes("409"))).toEqual([]);
  await context.close();
});

it("goes from draft to report", { timeout: 180_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "marketing@verriere.example", "demo");
  // A marketer starts with the campaigns.
  await page.waitForURL("**/campaigns");

  await page.getByRole("button", { name: "New campaign" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Spring letter");
  await dialog.getByRole("combobox", { name: "List" }).click();
  await page.getByRole("option", { name: /Newsletter/ }).click();
  expect(await axe(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.waitForURL("**/edit");

  // The template, a subject, a preview as a certain contact.
  await page.getByRole("button", { name: "Begin with a template" }).click();
  await page.getByLabel("Subject").fill("Hello {{ contact.name }}");
  await page.getByRole("combobox", { name: "Preview as" }).fill("lea");
  await page.getByRole("option").first().click();
  await page
    .getByText(/^Hello (?!\{)/)
    .first()
    .waitFor();
  await page
    .frameLocator('iframe[title="Preview of the mail"]')
    .getByText("Write here what this mail is about.")
    .waitFor();
  await page.getByText("Mobile").click();
  expect(await page.locator("iframe").evaluate((frame) => frame.getBoundingClientRect().width)).toBeLessThanOrEqual(
    380,
  );
  expect(await page.locator("iframe").getAttribute("sandbox")).toBe("");

  // An error is in the gutter and in the list; a click leads to it.
  await typeIntoEditor(page, "\n<mj-texd>{{ broken</mj-texd>");
  const problems = page.getByRole("list", { name: /problem/ });
  await problems.getByText("MJML knows no <mj-texd>.").waitFor();
  await page.locator(".cm-lint-marker-error").first().waitFor();
  await screenshot(page, "campaign-errors-1440");
  await problems.getByRole("button").first().click();
  expect(await page.evaluate(() => document.activeElement?.classList.contains("cm-content"))).toBe(true);
  await page.keyboard.press("ControlOrMeta+End");
  for (let press = 0; press < 29; press += 1) await page.keyboard.press("Backspace");
  await page.getByText("No problems found").waitFor();

  // Unsaved work is not lost without a question.
  await page.getByRole("link", { name: "Lists" }).click();
  await page.getByRole("dialog").getByText("There are changes that are not saved yet.").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.keyboard.press("ControlOrMeta+s");
  await page.getByText("All changes saved").waitFor();

  // Check, test, send.
  await page.getByRole("tab", { name: "Check and send" }).click();
  await page.getByText("Ready to send").waitFor();
  await page.getByRole("button", { name: "Send test" }).click();
  await page.getByText("Test sent to 1 address").waitFor();
  await page.getByRole("button", { name: "Send…" }).click();
  const question = page.getByRole("dialog");
  await question.getByText("19,330 contacts will get this mail.").waitFor();
  await screenshot(page, "campaign-send-1440");
  expect(await axe(page)).toEqual([]);
  await question.getByRole("button", { name: "Send to 19,330 contacts" }).click();

  // The report moves by itself.
  await page.waitForURL((url) => !url.pathname.endsWith("/edit"));
  const progress = page.getByText(/of 19,330 finished/);
  await progress.waitFor();
  const before = await progress.textContent();
  await page.waitForFunction((text) => !document.body.textContent?.includes(text ?? ""), before, { timeout: 20_000 });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.getByRole("button", { name: "Cancel campaign" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel campaign" }).click();
  await page.getByText("Cancelled", { exact: true }).first().waitFor();

  // In the list it stands with its numbers.
  await page.getByRole("link", { name: "All campaigns" }).click();
  await page.getByRole("link", { name: "Spring letter" }).waitFor();
  await settled(page);
  expect(complaints).toEqual([]);
  await context.close();
});
