// What every browser test needs: the built UI behind the mock API on a free port, Chromium, axe, screenshots.
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page, type Response } from "playwright-core";
import { type MockServer, makeMockServer } from "../../mock-api/server";
import { Contract } from "../contract";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const ARTIFACTS = fileURLToPath(new URL("../artifacts", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The same policy as `crates/api/src/ui.rs`: what it forbids fails here too. */
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https: http:; " +
  "font-src 'self' data:; connect-src 'self'; frame-src 'self' blob: data:; object-src 'none'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

function serveFile(path: string, response: ServerResponse): void {
  const wanted = join(DIST, normalize(path));
  const file =
    wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(DIST, "index.html");
  response.writeHead(200, {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-security-policy": POLICY,
  });
  createReadStream(file).pipe(response);
}

export interface Site {
  url: string;
  mock: MockServer;
  close: () => Promise<void>;
}

/** The built UI and a fresh mock state on a free port. */
export async function startSite(): Promise<Site> {
  if (!existsSync(join(DIST, "index.html"))) throw new Error("web/dist is missing: run `npm run build` first");
  const mock = makeMockServer();
  const server: Server = createServer((request, response) => {
    mock.handle(request, response).then(
      (answered) => {
        if (!answered) serveFile(new URL(request.url ?? "/", "http://site").pathname, response);
      },
      (error: unknown) => {
        response.writeHead(500);
        response.end(String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mock,
    close: () => {
      mock.stop();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--no-first-run",
    ],
  });
}

export interface Look {
  width: number;
  scheme: "light" | "dark";
  language?: "en" | "fr";
}

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** What the page complained about: errors, failed requests to elsewhere, policy violations, answers against the contract. */
  complaints: string[];
}

export async function openPage(browser: Browser, look: Look, origin: string): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.width < 600 ? 780 : 900 },
    colorScheme: look.scheme,
    locale: look.language === "fr" ? "fr-FR" : "en-GB",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // A refused request (401, 400) is part of some tests; everything else that is an error is not.
    if (message.type() === "error" && !message.text().includes("Failed to load resource"))
      complaints.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url)) complaints.push(`foreign request: ${url}`);
  });
  page.on("response", (response) => void inContract(response, complaints));
  return { page, context, complaints };
}

const contract = new Contract();

/** The API answers what the UI was compiled for: the mock and the program alike. */
async function inContract(response: Response, complaints: string[]): Promise<void> {
  const { pathname } = new URL(response.url());
  if (!pathname.startsWith("/api/v1/") || !(response.headers()["content-type"] ?? "").includes("json")) return;
  const asked = response.request();
  try {
    const answer: unknown = await response.json();
    const request: unknown = asked.headers()["content-type"]?.includes("json") ? asked.postDataJSON() : undefined;
    const call = { method: asked.method(), path: pathname, request, status: response.status(), answer };
    complaints.push(...contract.check(call).map((trouble) => `contract: ${trouble}`));
  } catch {
    // The page went elsewhere before the answer was read.
  }
}

export interface Finding {
  id: string;
  impact: string | null;
  help: string;
  nodes: string[];
}

/** Serious and critical findings of axe on the page as it is now. */
export async function axe(page: Page): Promise<Finding[]> {
  // Evaluated over the debugging protocol, which the page's policy does not touch.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    interface Node {
      html: string;
      failureSummary?: string;
    }
    interface Violation {
      id: string;
      impact: string | null;
      help: string;
      nodes: Node[];
    }
    const runner = (
      globalThis as unknown as {
        axe: { run: (context: unknown, options: unknown) => Promise<{ violations: Violation[] }> };
      }
    ).axe;
    const result = await runner.run(
      { exclude: [["iframe"]] },
      { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], resultTypes: ["violations"] },
    );
    return result.violations
      .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
      .map(({ id, impact, help, nodes }) => ({
        id,
        impact,
        help,
        nodes: nodes
          .slice(0, 4)
          .map((node) => `${node.html.slice(0, 160)} | ${(node.failureSummary ?? "").slice(0, 220)}`),
      }));
  });
}

export async function screenshot(page: Page, name: string, fullPage = false): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage });
}

/** Nothing on the page is wider than the window. */
export function sideScroll(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

export async function logIn(page: Page, url: string, email: string, password: string): Promise<void> {
  await page.goto(`${url}/login`);
  await page.locator('input[autocomplete="username"]').fill(email);
  await page.locator('input[autocomplete="current-password"]').fill(password);
  await page.locator('button[type="submit"]').click();
  await page.waitForURL((at) => !at.pathname.startsWith("/login"));
  // The frame of the pages: from here on shortcuts work.
  await page.locator("#content").waitFor();
}

/** Waits until nothing is loading any more, and no colour is on its way to another. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(
    () =>
      document.querySelector("main, h1") !== null &&
      !document.querySelector('[aria-busy="true"]') &&
      !document.getAnimations().some((moving) => moving instanceof CSSTransition && moving.playState === "running"),
  );
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}
