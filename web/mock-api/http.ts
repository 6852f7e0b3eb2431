// The little HTTP that the mock API needs: routes, JSON, errors.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Db } from "./db";

export class Refusal extends Error {
  readonly status: number;
  readonly body: Record<string, unknown>;

  constructor(status: number, code: string, message: string, more: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.body = { error: { code, message, ...more } };
  }
}

export const notFound = (what: string) => new Refusal(404, "not-found", `There is no such ${what}.`);
export const invalid = (message: string, field?: string) =>
  new Refusal(400, "invalid", message, field ? { field } : {});

/** What people edit, with the count of its changes. */
interface Versioned {
  version: number;
  changed_at: string;
  changed_by: string;
}

/** Takes a change of something that is edited, unless it is based on an older version. */
export function changeVersioned<T extends Versioned>(
  thing: T,
  what: string,
  { version, ...change }: Partial<T> & { version?: number },
): T {
  if (version !== undefined && version !== thing.version)
    throw new Refusal(
      409,
      "stale",
      `this ${what} was changed by ${thing.changed_by} at ${thing.changed_at} after you opened it; nothing of yours was saved`,
    );
  return Object.assign(thing, change, {
    version: thing.version + 1,
    changed_at: new Date().toISOString(),
    changed_by: "lea@verriere.example",
  });
}

/** The first version of something. */
export const firstVersion = (at: string): Versioned => ({ version: 1, changed_at: at, changed_by: "" });

export interface Call {
  db: Db;
  params: Record<string, string>;
  query: URLSearchParams;
  /** The body as text. */
  text: string;
  request: IncomingMessage;
  response: ServerResponse;
}

/** The body as JSON of the expected shape; the mock trusts its own UI. */
export function bodyOf<T>(call: Call): T {
  return (call.text === "" ? {} : JSON.parse(call.text)) as T;
}

export interface Answer {
  status?: number;
  json?: unknown;
  raw?: { type: string; body: string | Buffer; name?: string };
  /** The handler answers by itself (streams). */
  handled?: true;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;
export type Routes = Record<string, Handler>;

export interface Route {
  method: string;
  parts: string[];
  handler: Handler;
}

export function compile(routes: Routes): Route[] {
  return Object.entries(routes).map(([name, handler]) => {
    const [method = "GET", path = "/"] = name.split(" ");
    return { method, parts: path.split("/").slice(1), handler };
  });
}

export function match(
  routes: Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | null {
  const parts = path.split("/").slice(1).map(decodeURIComponent);
  for (const route of routes) {
    if (route.method !== method || route.parts.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = route.parts.every((part, index) => {
      const value = parts[index] ?? "";
      if (!part.startsWith(":")) return part === value;
      params[part.slice(1)] = value;
      return true;
    });
    if (fits) return { route, params };
  }
  return null;
}

/** A page of a list; the cursor is the place in it. */
export function page<T>(items: T[], query: URLSearchParams): { items: T[]; next: string | null } {
  const start = Number(query.get("after") ?? 0);
  const limit = Math.min(Number(query.get("limit") ?? 50), 200);
  const end = start + limit;
  return { items: items.slice(start, end), next: end < items.length ? String(end) : null };
}
