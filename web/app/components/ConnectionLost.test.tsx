// The page says that the program does not answer, since when, and goes on by itself.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, render } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SILENCE_MS } from "~/api/live";
import { changeLanguage, startTexts } from "~/i18n";
import { ConnectionLost } from "./ConnectionLost";

class FakeSource {
  static readonly CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 1;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  tick: ((event: { data: string }) => void) | null = null;
  constructor() {
    FakeSource.all.push(this);
  }
  addEventListener(_: string, listener: (event: { data: string }) => void) {
    this.tick = listener;
  }
  close() {
    this.readyState = FakeSource.CLOSED;
  }
}

const latest = () => FakeSource.all[FakeSource.all.length - 1];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(2026, 8, 21, 12, 4) });
  vi.stubGlobal("EventSource", FakeSource);
  FakeSource.all = [];
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function start(language: "en" | "fr") {
  await startTexts();
  await changeLanguage(language);
  const client = new QueryClient();
  const refetched = vi.spyOn(client, "invalidateQueries");
  const page = render(
    <QueryClientProvider client={client}>
      <ConnectionLost />
    </QueryClientProvider>,
  );
  return { page, refetched };
}

it.each([
  ["en", "No connection to iES since 12:04"],
  ["fr", "Pas de connexion à iES depuis 12:04"],
] as const)("says it in words (%s) and comes back", async (language, words) => {
  const { page, refetched } = await start(language);
  act(() => latest()?.onopen?.());
  expect(page.queryByRole("alert")).toBeNull();
  // Ten minutes later the time is still that of the last word.
  act(() => latest()?.onerror?.());
  act(() => vi.setSystemTime(new Date(2026, 8, 21, 12, 14)));
  act(() => latest()?.onerror?.());
  expect(page.getByRole("alert").textContent).toContain(words);
  expect(refetched).not.toHaveBeenCalled();
  act(() => latest()?.onopen?.());
  expect(page.queryByRole("alert")).toBeNull();
  expect(refetched).toHaveBeenCalledOnce();
});

it("notices silence on a connection that is still open", async () => {
  const { page } = await start("en");
  act(() => latest()?.onopen?.());
  act(() => vi.advanceTimersByTime(SILENCE_MS - 1));
  expect(page.queryByRole("alert")).toBeNull();
  act(() => vi.advanceTimersByTime(1));
  expect(page.getByRole("alert")).toBeTruthy();
  expect(FakeSource.all).toHaveLength(2);
});
