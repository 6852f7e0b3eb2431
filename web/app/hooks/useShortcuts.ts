// Keyboard shortcuts of one or two keys (`/`, `g n`). Silent while somebody types.
import { useEffect, useRef } from "react";

export type Shortcuts = Record<string, () => void>;

/** Time between the two keys of a sequence, in milliseconds. */
const SEQUENCE_MS = 1_200;

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** What a key press means: the name of a shortcut, the start of one, or nothing. */
export function matchKey(
  shortcuts: Shortcuts,
  pending: string | null,
  key: string,
): { run?: string; pending: string | null } {
  const sequence = pending ? `${pending} ${key}` : key;
  if (sequence in shortcuts) return { run: sequence, pending: null };
  if (key in shortcuts) return { run: key, pending: null };
  const starts = Object.keys(shortcuts).some((name) => name.startsWith(`${key} `));
  return { pending: starts ? key : null };
}

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    let pending: string | null = null;
    let pendingSince = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.timeStamp - pendingSince > SEQUENCE_MS) pending = null;
      const result = matchKey(latest.current, pending, event.key);
      pending = result.pending;
      pendingSince = event.timeStamp;
      if (!result.run) return;
      event.preventDefault();
      latest.current[result.run]?.();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
