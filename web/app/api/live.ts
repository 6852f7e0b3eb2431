// The live stream: one EventSource for the whole page, its ticks kept for a minute, read through `useSyncExternalStore`.
import { useSyncExternalStore } from "react";
import { API } from "./client";
import type { Tick } from "./types";

/** Seconds of ticks kept, for the small throughput curve. */
export const TICKS_MAX = 60;

/** Pause before a refused stream is asked for again. */
const RETRY_MS = 5_000;

export interface LiveState {
  connected: boolean;
  ticks: readonly Tick[];
}

let state: LiveState = { connected: false, ticks: [] };
let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | null = null;
const listeners = new Set<() => void>();

function set(next: LiveState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** Adds a tick, drops what is older than the window. */
export function appendTick(ticks: readonly Tick[], tick: Tick): readonly Tick[] {
  return [...ticks.slice(-(TICKS_MAX - 1)), tick];
}

function open(): void {
  if (typeof EventSource === "undefined") return;
  source = new EventSource(`${API}/stream`);
  source.onopen = () => set({ ...state, connected: true });
  // The browser connects again by itself after a broken connection, but not after a refusal.
  source.onerror = () => {
    set({ ...state, connected: false });
    if (source?.readyState === EventSource.CLOSED) {
      if (retry) clearTimeout(retry);
      retry = setTimeout(open, RETRY_MS);
    }
  };
  source.addEventListener("tick", (event: MessageEvent<string>) => {
    set({ connected: true, ticks: appendTick(state.ticks, JSON.parse(event.data) as Tick) });
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (!source) open();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      if (retry) clearTimeout(retry);
      source?.close();
      source = null;
      state = { connected: false, ticks: [] };
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
