// A tiny fetch client: JSON in, JSON out, errors as `ApiError`. The only place that calls fetch.
import { ApiError, readError } from "./errors";

export const API = "/api/v1";

export type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

async function send<T>(method: string, path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(API + path, {
      method,
      credentials: "same-origin",
      ...init,
      headers: { Accept: "application/json", "X-Requested-With": "ies", ...init.headers },
    });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(0, { code: "no-answer", message: String(cause) });
  }
  if (!response.ok) throw await readError(response);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return send<T>("GET", withQuery(path, query), signal ? { signal } : {});
}

function sendJson<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>(method, path, {
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    ...(signal ? { signal } : {}),
  });
}

export function post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return sendJson<T>("POST", path, body, signal);
}

export function patch<T>(path: string, body: unknown): Promise<T> {
  return sendJson<T>("PATCH", path, body);
}

export function remove<T = void>(path: string, query?: Query): Promise<T> {
  return send<T>("DELETE", withQuery(path, query), {});
}

/** Sends a CSV file or a part of it as it is. */
export function postCsv<T>(path: string, body: Blob, query?: Query): Promise<T> {
  return send<T>("POST", withQuery(path, query), { body, headers: { "Content-Type": "text/csv" } });
}
