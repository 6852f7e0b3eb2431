// The live stream: one EventSource for the whole page, its ticks kept for a minute, read through `useSyncExternalStore`.
import { useSyncExternalStore } from "react";
import { API } from "./client";
import type { Tick } from "./types";

/** Seconds of ticks kept, for the small throughput curve. */
export const TICKS_MAX = 60;

/** Pause before a refused stream is asked for again. */
const RETRY_MS = 5_000;

/** Without a word for so long the program is gone, whatever the connection says: a tick comes each second. */
export const SILENCE_MS = 10_000;

export interface LiveState {
  connected: boolean;
  /** When the last word came before the connection was lost, as Unix milliseconds; null while there is one. */
  lostAt: number | null;
  ticks: readonly Tick[];
}

const NOTHING: LiveState = { connected: false, lostAt: null, ticks: [] };

let state: LiveState = NOTHING;
let heardAt = 0;
let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | null = null;
let silence: ReturnType<typeof setTimeout> | null = null;
const listeners = new Set<() => void>();

function set(next: LiveState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Adds a tick, drops what is older than the window. */
export function appendTick(ticks: readonly Tick[], tick: Tick): readonly Tick[] {
  return [...ticks.slice(-(TICKS_MAX - 1)), tick];
}

function heard(): void {
  heardAt = Date.now();
  watch();
}

function watch(): void {
  if (silence) clearTimeout(silence);
  silence = setTimeout(() => {
    lost();
    open();
  }, SILENCE_MS);
}

function lost(): void {
  set({ ...state, connected: false, lostAt: state.lostAt ?? (heardAt || Date.now()) });
}

function open(): void {
  if (typeof EventSource === "undefined") return;
  source?.close();
  source = new EventSource(`${API}/stream`);
  source.onopen = () => {
    heard();
    set({ ...state, connected: true, lostAt: null });
  };
  // The browser connects again by itself after a broken connection, but not after a refusal.
  source.onerror = () => {
    lost();
    if (source?.readyState === EventSource.CLOSED) {
      if (retry) clearTimeout(retry);
      retry = setTimeout(open, RETRY_MS);
    }
  };
  source.addEventListener("tick", (event: MessageEvent<string>) => {
    heard();
    set({ connected: true, lostAt: null, ticks: appendTick(state.ticks, JSON.parse(event.data) as Tick) });
  });
  watch();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (!source) open();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      if (retry) clearTimeout(retry);
      if (silence) clearTimeout(silence);
      source?.close();
      source = null;
      heardAt = 0;
      state = NOTHING;
    }
  };
}

/** Live numbers; the stream is open as long as somebody looks. */
export function useLive(): LiveState {
  return useSyncExternalStore(subscribe, () => state);
}

export function useTick(): Tick | null {
  const { ticks } = useLive();
  return ticks[ticks.length - 1] ?? null;
}
