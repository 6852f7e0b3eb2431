// The warm-up of a source: today's bars, plan against volume, the verdicts of past days, and orders that ask first.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { axe, logIn, openPage, type Site, screenshot, settled, sideScroll, startBrowser, startSite } from "../harness";

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

it("shows how far a warm-up is, and pauses it after a question", async () => {
  const { page, context, complaints } = await openPage(browser, { width: 1440, scheme: "light" }, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/sources`);
  await page.getByRole("heading", { name: "Warm-up of mkt-2" }).waitFor();
  const today = page.getByRole("list", { name: "Today by provider" });
  await today.getByText("Stopped for today").waitFor();
  await today.getByText("9 of 70 attempts were refused (12.9 %, the limit is 3 %)").waitFor();
  await today.getByRole("progressbar", { name: /^Gmail/ }).waitFor();
  const days = page.getByRole("table", { name: "Past days at Gmail" });
  await days.getByText("Day repeated").waitFor();
  await days.getByText("132 of 875 attempts were deferred (15.1 %, the limit is 10 %)").waitFor();
  await page.getByRole("heading", { name: "Plan and volume at Gmail" }).waitFor();
  await settled(page);
  await screenshot(page, "warm-up-1440", true);
  expect(await axe(page)).toEqual([]);
  await page.getByRole("button", { name: "Pause the plan" }).click();
  await page.getByRole("dialog").getByText("It stays at its day").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Pause the plan" }).click();
  await today.getByText("Paused").first().waitFor();
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
  await today.getByText("Warming up").first().waitFor();
  await page.getByRole("button", { name: "Set the day" }).click();
  await page.getByRole("textbox", { name: "Day of the plan" }).fill("5");
  await page.getByRole("dialog").getByRole("button", { name: "Set the day" }).click();
  await today.getByText("Day 5 of 31").first().waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("fits a phone, in French and dark", async () => {
  const look = { width: 390, scheme: "dark", language: "fr" } as const;
  const { page, context, complaints } = await openPage(browser, look, site.url);
  await logIn(page, site.url, "ops@verriere.example", "demo");
  await page.goto(`${site.url}/delivery/sources`);
  await page.getByRole("heading", { name: "Montée en charge de mkt-2" }).waitFor();
  await page.getByText("En montée").first().waitFor();
  await settled(page);
  await screenshot(page, "warm-up-390-fr", true);
  expect(await sideScroll(page)).toBe(0);
  expect(await axe(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});
