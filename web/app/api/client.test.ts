import { afterEach, expect, it, vi } from "vitest";
import { get, post, remove, withQuery } from "./client";
import { ApiError } from "./errors";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: string, type = "application/json") {
  const fetch = vi.fn(
    async (_url: string, _init?: RequestInit) =>
      new Response(status === 204 ? null : body, { status, headers: { "content-type": type } }),
  );
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

it("leaves absent values out of the query", () => {
  expect(withQuery("/x", { a: 1, b: null, c: undefined, d: "", e: "y z" })).toBe("/x?a=1&e=y+z");
  expect(withQuery("/x")).toBe("/x");
});

it("sends JSON with the header against forgery", async () => {
  const fetch = answer(200, '{"ok":true}');
  expect(await post<{ ok: boolean }>("/things", { name: "a" })).toEqual({ ok: true });
  const [url, init] = fetch.mock.calls[0] ?? [];
  expect(url).toBe("/api/v1/things");
  expect(new Headers(init?.headers).get("x-requested-with")).toBe("ies");
  expect(init?.body).toBe('{"name":"a"}');
});

it("takes an empty answer", async () => {
  answer(204, "");
  expect(await remove("/things/1")).toBeUndefined();
});

it("reads errors of the program", async () => {
  answer(
    400,
    '{"error":{"code":"search-syntax","message":"no such field","position":3,"length":4,"suggestion":"kind"}}',
  );
  const error = await get("/events").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 400, code: "search-syntax", position: 3, length: 4, suggestion: "kind" });
});

it("reads errors of somebody in between", async () => {
  answer(502, "<h1>Bad gateway</h1>", "text/html");
  expect(await get("/x").catch((caught: unknown) => caught)).toMatchObject({ status: 502, code: "unreadable-answer" });
});

it("says when nobody answered", async () => {
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => Promise.reject(new TypeError("refused"))),
  );
  expect(await get("/x").catch((caught: unknown) => caught)).toMatchObject({ status: 0, code: "no-answer" });
});
