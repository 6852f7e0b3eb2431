// Answers the HTTP contract from the mock state. Used by the Vite plugin and by the browser tests.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Db, makeDb } from "./db";
import { accountRoutes } from "./handlers/accounts";
import { audienceRoutes } from "./handlers/audience";
import { campaignRoutes } from "./handlers/campaigns";
import { dashboardRoutes } from "./handlers/dashboards";
import { deliveryRoutes } from "./handlers/delivery";
import { dkimRoutes } from "./handlers/dkim";
import { monitoringRoutes } from "./handlers/monitoring";
import { queueMailRoutes } from "./handlers/queue-mail";
import { recordingRoutes } from "./handlers/recordings";
import { resolveRoutes } from "./handlers/resolve";
import { ruleRoutes } from "./handlers/rules";
import { warmUpRoutes } from "./handlers/warm-ups";
import { type Answer, compile, match, Refusal } from "./http";
import { step } from "./simulate";

const PREFIX = "/api/v1";
const SESSION = "ies_session=mock";

const routes = compile({
  ...accountRoutes,
  ...audienceRoutes,
  ...campaignRoutes,
  ...deliveryRoutes,
  ...queueMailRoutes,
  ...resolveRoutes,
  ...ruleRoutes,
  ...warmUpRoutes,
  ...dkimRoutes,
  ...recordingRoutes,
  ...dashboardRoutes,
  ...monitoringRoutes,
});

export interface MockServer {
  db: Db;
  /** True when the request was for the API and has been answered. */
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  stop: () => void;
}

export function makeMockServer(seed?: number): MockServer {
  const db = makeDb(seed);
  for (let second = 0; second < 45; second += 1) step(db);
  const spread = Date.now();
  db.ticks.forEach((tick, index) => {
    tick.live.at = new Date(spread - (db.ticks.length - index) * 1000).toISOString();
  });
  const streams = new Set<ServerResponse>();
  const timer = setInterval(() => {
    const tick = step(db);
    for (const stream of streams) stream.write(`event: tick\ndata: ${JSON.stringify(tick)}\n\n`);
  }, 1000);
  timer.unref();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const url = new URL(request.url ?? "/", "http://mock");
    if (url.pathname === "/healthz") return write(response, { json: { status: "ok", reasons: [] } });
    if (!url.pathname.startsWith(`${PREFIX}/`)) return false;
    const path = url.pathname.slice(PREFIX.length);
    const method = request.method ?? "GET";
    try {
      const text = await readBody(request);
      if (method !== "GET" && request.headers["x-requested-with"] !== "ies") {
        throw new Refusal(403, "forbidden", "Send the header X-Requested-With: ies.");
      }
      const open = path === "/session" && method === "POST";
      const loggedIn = (request.headers.cookie ?? "").includes(SESSION) && db.loggedIn !== null;
      if (!open && !loggedIn)
        throw new Refusal(401, "unauthenticated", "Log in, or send an API key as a bearer token.");
      if (path === "/stream") return openStream(streams, response);
      const found = match(routes, method, path);
      if (!found) throw new Refusal(404, "not-found", "There is no such endpoint.");
      return write(
        response,
        await found.route.handler({ db, params: found.params, query: url.searchParams, text, request, response }),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return write(response, { status: error.status, json: error.body });
    }
  };
  return {
    db,
    handle,
    stop: () => {
      clearInterval(timer);
      for (const stream of streams) stream.end();
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function openStream(streams: Set<ServerResponse>, response: ServerResponse): true {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": open\n\n");
  streams.add(response);
  response.on("close", () => streams.delete(response));
  return true;
}

function write(response: ServerResponse, answer: Answer): true {
  if (answer.handled) return true;
  const status = answer.status ?? (answer.json === undefined && !answer.raw ? 204 : 200);
  if (answer.raw) {
    const name = answer.raw.name ? { "content-disposition": `attachment; filename="${answer.raw.name}"` } : {};
    response.writeHead(status, { "content-type": answer.raw.type, ...name });
    response.end(answer.raw.body);
    return true;
  }
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(answer.json === undefined ? undefined : JSON.stringify(answer.json));
  return true;
}
