// @vitest-environment node
// The mock API answers what the program answers: each call of the UI is made once and held against the document.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Contract } from "../test/contract";
import { type MockServer, makeMockServer } from "./server";
import { step } from "./simulate";

const contract = new Contract();
let mock: MockServer;
let server: Server;
let origin = "";

beforeAll(async () => {
  mock = makeMockServer(7);
  server = createServer((request, response) => {
    void mock.handle(request, response).then((answered) => {
      if (!answered) response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  mock.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Given {
  json?: unknown;
  csv?: string;
}

/** Makes a call, checks both ways, and gives the answer back. */
async function call<T = { id: string }>(method: string, path: string, status: number, given: Given = {}): Promise<T> {
  const type = given.csv === undefined ? "application/json" : "text/csv";
  const sent = given.csv ?? (given.json === undefined ? undefined : JSON.stringify(given.json));
  const response = await fetch(`${origin}/api/v1${path}`, {
    method,
    headers: { "x-requested-with": "ies", cookie: "ies_session=mock", "content-type": type },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const answer = isJson && text !== "" ? JSON.parse(text) : undefined;
  const at = `/api/v1${path.split("?")[0]}`;
  expect(contract.check({ method, path: at, request: given.json, status: response.status, answer })).toEqual([]);
  expect(`${method} ${path} ${response.status}`).toBe(`${method} ${path} ${status}`);
  return answer as T;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the seed lacks what this test needs");
  return value;
}

it("answers for the session, accounts and keys", async () => {
  await call("GET", "/session", 401);
  await call("POST", "/session", 401, { json: { email: "admin@verriere.example", password: "wrong" } });
  await call("POST", "/session", 200, { json: { email: "admin@verriere.example", password: "demo" } });
  await call("GET", "/session", 200);
  await call("PATCH", "/session", 200, { json: { name: "Claire F." } });
  await call("PATCH", "/session", 401, { json: { current_password: "no", new_password: "a new long password" } });
  await call("GET", "/accounts", 200);
  const input = { email: "new@verriere.example", role: "viewer" };
  const made = await call<{ account: { id: string } }>("POST", "/accounts", 201, { json: input });
  await call("POST", "/accounts", 409, { json: input });
  await call("PATCH", `/accounts/${made.account.id}`, 200, { json: { disabled: true } });
  await call("DELETE", `/accounts/${made.account.id}`, 204);
  await call("GET", "/api-keys", 200);
  const key = await call<{ key: { id: string } }>("POST", "/api-keys", 201, {
    json: { name: "shop", scopes: ["inject"] },
  });
  await call("PATCH", `/api-keys/${key.key.id}`, 200, { json: { limits: { rate: "10/h", per_day: 5 } } });
  await call("DELETE", `/api-keys/${key.key.id}`, 204);
});

it("answers for lists, contacts, imports and suppressions", async () => {
  await call("GET", "/lists", 200);
  const list = await call("POST", "/lists", 201, { json: { name: "Autumn", description: "" } });
  await call("GET", `/lists/${list.id}`, 200);
  await call("PATCH", `/lists/${list.id}`, 200, { json: { name: "Winter" } });
  await call("POST", `/lists/${list.id}/import/preview`, 200, { csv: "email,name\na@b.example,A\n" });
  const run = await call("POST", `/lists/${list.id}/import`, 202, {
    csv: `email,name\n${"a@b.example,A\n".repeat(8)}`,
  });
  for (let asked = 0; asked < 5; asked += 1) await call("GET", `/imports/${run.id}`, 200);
  await call("GET", `/imports/${run.id}/errors.csv`, 200);
  await call("GET", "/contacts?limit=200", 200);
  const contact = await call("POST", "/contacts", 201, {
    json: { address: "zoe@example.com", name: "Zoé", fields: {}, lists: [list.id] },
  });
  await call("GET", `/contacts/${contact.id}`, 200);
  await call("PATCH", `/contacts/${contact.id}`, 200, { json: { name: "Zoë" } });
  await call("DELETE", `/contacts/${contact.id}`, 204);
  await call("DELETE", `/lists/${list.id}`, 204);
  await call("GET", "/fields", 200);
  await call("POST", "/fields", 201, { json: { name: "city2", label: "City", type: "text" } });
  await call("GET", "/suppressions", 200);
  await call("POST", "/suppressions", 200, { json: { addresses: ["x@example.com", "no address"], note: "" } });
  await call("DELETE", "/suppressions/x%40example.com", 204);
});

it("answers for campaigns", async () => {
  await call("GET", "/campaigns", 200);
  const sending = must(mock.db.campaigns.find((campaign) => campaign.state === "sending"));
  await call("GET", `/campaigns/${sending.id}`, 200);
  await call("GET", `/campaigns/${sending.id}/report`, 200);
  await call("GET", `/campaigns/${sending.id}/report.pdf`, 200);
  await call("GET", `/campaigns/${sending.id}/recipients?status=bounced`, 200);
  await call("GET", `/campaigns/${sending.id}/recipients?limit=200`, 200);
  await call("PATCH", `/campaigns/${sending.id}`, 409, { json: { name: "Late" } });
  const list = must(mock.db.lists[0]).id;
  const draft = await call("POST", "/campaigns", 201, { json: { name: "New" } });
  await call("POST", `/campaigns/${draft.id}/check`, 200);
  const content = { subject: "Hello {{ contact.city }}", body: "<mjml></mjml>", list };
  await call("PATCH", `/campaigns/${draft.id}`, 200, { json: content });
  await call("POST", `/campaigns/${draft.id}/check`, 200);
  await call("POST", "/render", 200, {
    json: { format: "mjml", body: "<mj-nothing> {{ open", subject: "", contact: null },
  });
  await call("POST", `/campaigns/${draft.id}/test`, 202, { json: { addresses: ["a@b.example"] } });
  await call("POST", `/campaigns/${draft.id}/send`, 202);
  for (const action of ["pause", "resume", "cancel"]) await call("POST", `/campaigns/${draft.id}/${action}`, 200);
  await call("DELETE", `/campaigns/${draft.id}`, 204);
});

it("answers for delivery", async () => {
  for (const path of ["/queues", "/sources", "/pools", "/providers", "/warm-ups"]) await call("GET", path, 200);
  await call("POST", "/warm-ups/mkt-2", 200, { json: { action: "set-day", day: 5 } });
  await call("POST", "/warm-ups/mkt-2", 400, { json: { action: "set-day", day: 500 } });
  await call("POST", "/warm-ups/mkt-1", 404, { json: { action: "pause" } });
  const path = must((await call<{ paths: { source: string; site: string }[] }>("GET", "/queues", 200)).paths[0]);
  await call("GET", `/queues/paths/${path.source}/${path.site}`, 200);
  const deferred = must(mock.db.recipients.find((recipient) => recipient.state === "deferred"));
  await call("GET", `/recipients/${deferred.recipient}/explain`, 200);
  await call("GET", "/recipients/0000000000000/explain", 404);
  const target = { kind: "source", name: "mkt-1" };
  await call("POST", "/control", 200, { json: { target, action: "suspend", dry_run: true } });
  await call("POST", "/control", 200, { json: { target, action: "suspend" } });
  await call("POST", "/control", 400, { json: { target, action: "hold" } });
  for (const path of ["/queues", "/sources", "/providers"]) await call("GET", path, 200);
});

it("answers for mail in the queue", async () => {
  await call("GET", "/queues/recipients?filter=provider%3Aorange&sort=due&limit=50", 200);
  await call("GET", "/queues/recipients?filter=nonsense", 400);
  const order = { action: "hold", filter: { provider: "orange" }, reason: "their MX is being moved" };
  await call("POST", "/queues/orders", 200, { json: { ...order, dry_run: true } });
  const held = await call<{ order: number }>("POST", "/queues/orders", 200, { json: order });
  await call("GET", "/queues/orders", 200);
  await call("POST", "/queues/orders", 200, { json: { action: "release", hold: held.order } });
  await call("POST", "/queues/orders", 400, { json: { action: "cancel", filter: {} } });
});

it("answers for the rules and for what holds for a domain", async () => {
  const rules = await call<{ items: { name: string }[] }>("GET", "/rules", 200);
  const rule = must(rules.items[0]).name;
  await call("GET", `/rules/${rule}`, 200);
  await call("GET", "/rules/nobody", 404);
  const shaded = await call<{ active: unknown[] }>("POST", `/rules/${rule}/shadow`, 200, { json: { shadow: true } });
  expect(shaded.active).toEqual([]);
  await call("POST", `/rules/${rule}/shadow`, 200, { json: { shadow: false } });
  for (const path of ["/rules-findings", "/shaping"]) await call("GET", path, 200);
  await call("GET", "/resolve?domain=someone%40orange.fr&source=mkt-1", 200);
  for (const domain of ["nowhere.invalid", "example.org"]) await call("GET", `/resolve?domain=${domain}`, 200);
  await call("GET", "/resolve?domain=not%20a%20domain", 400);
  await call("GET", "/resolve?domain=orange.fr&source=nobody", 404);
});

it("answers for recordings of dialogues", async () => {
  await call("GET", "/transcripts", 200);
  const wanted = { about: { domain: "orange.fr" }, lasts: "30m", count_max: 50, reason: "greylisting" };
  const begun = await call<{ id: number }>("POST", "/transcripts", 201, { json: wanted });
  await call("POST", "/transcripts", 400, { json: { about: {} } });
  await call("POST", "/transcripts", 400, { json: { ...wanted, lasts: "9d" } });
  await call("DELETE", `/transcripts/${begun.id}`, 204);
  await call("DELETE", `/transcripts/${begun.id}`, 404);
});

it("answers for DKIM keys", async () => {
  await call("GET", "/dkim", 200);
  const input = { domain: "shop.example", algorithm: "both" };
  const made = await call<{ items: { selector: string }[] }>("POST", "/dkim", 201, { json: input });
  expect(made.items).toHaveLength(2);
  const { selector } = must(made.items[0]);
  await call("POST", "/dkim", 409, { json: { domain: "shop.example", selector } });
  await call("POST", "/dkim/shop.example/check", 200);
  await call("POST", "/dkim/shop.example/rotate", 409);
  await call("POST", `/dkim/shop.example/${selector}/activate`, 200);
  await call("POST", `/dkim/shop.example/${selector}/activate`, 409);
  await call("POST", "/dkim/shop.example/rotate", 200);
  await call("DELETE", `/dkim/shop.example/${selector}`, 409);
  await call("DELETE", `/dkim/shop.example/${selector}?force=true`, 204);
  await call("POST", "/dkim/nobody.example/check", 409);
});

it("answers for monitoring", async () => {
  await call("GET", "/dashboards/now?minutes=60", 200);
  await call("GET", "/dashboards/provider/orange?hours=24", 200);
  await call("GET", "/providers-summary", 200);
  await call("GET", "/events?q=&limit=200", 200);
  await call("GET", "/events?q=kidn:deferred", 400);
  const { hints } = await call<{ hints: unknown[] }>("GET", "/events?q=provider:gmial", 200);
  expect(hints).toHaveLength(1);
  const first = must(mock.db.recipients[0]);
  await call("GET", `/messages/${first.message}`, 200);
  await call("GET", `/recipients?address=${first.address}`, 200);
  for (const recipient of mock.db.recipients.slice(0, 60)) await call("GET", `/recipients/${recipient.recipient}`, 200);
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const query = {
    from: at(60),
    to: at(0),
    filter: { op: "in", field: "kind", values: ["delivered"] },
    measures: [{ measure: "count" }],
    dimensions: [
      { by: "field", field: "provider" },
      { by: "bucket", span: "2m" },
    ],
    limit: 5_000,
  };
  await call("POST", "/query", 200, { json: query });
  expect(contract.fits("Tick", step(mock.db))).toEqual([]);
});

/** What the UI has no use for, so that the mock need not know it. */
const NOT_OF_THE_UI = [
  "post /api/v1/messages",
  "post /api/v1/messages/stream",
  "get /metrics",
  "get /healthz",
  "get /api/v1/stream",
  // Replay is for the command line and for programs.
  "post /api/v1/rules-replay",
];

it("leaves no call of the UI out", async () => {
  await call("DELETE", "/session", 204);
  const missing = contract.operations().filter((name) => !contract.seen.has(name) && !/ \/[ocu]\//.test(name));
  expect(missing.sort()).toEqual([...NOT_OF_THE_UI].sort());
});

it("sees what does not fit", () => {
  const found = contract.check({
    method: "GET",
    path: "/api/v1/lists",
    status: 200,
    answer: { items: [{}], extra: 1 },
  });
  expect(found).toContain("get /api/v1/lists 200: / must have required property 'next'");
  expect(found).toContain("get /api/v1/lists 200: / must NOT have additional properties extra");
  expect(contract.check({ method: "GET", path: "/api/v1/nothing", status: 200 })).toHaveLength(1);
});
