// Reads the words in which `queue::core` says why a path is slowed or stopped, so that they can be said in the language of the
// page. What is not known here is shown as the program said it.
import type { Throttle } from "~/api/types";

export type LimitPart =
  | { kind: "connections"; count: number }
  | { kind: "messages"; count: number }
  | { kind: "rate"; text: string };

/** The limits in a reason such as `10/min, 2 connections`; null when it is no list of limits. */
export function limitsIn(reason: string): LimitPart[] | null {
  const parts = reason.split(", ").map((text): LimitPart | null => {
    const counted = /^(\d+) (connection|messages (?:per|on a) connection)s?$/.exec(text);
    if (counted) return { kind: counted[2] === "connection" ? "connections" : "messages", count: Number(counted[1]) };
    return /^\d+\/\w+$/.test(text) ? { kind: "rate", text } : null;
  });
  return parts.every((part) => part !== null) ? parts : null;
}

export type Cause =
  | { kind: "rule"; name: string; place: string }
  | { kind: "controller" }
  | { kind: "failures"; error: string | null }
  | { kind: "person"; name: string; target: string }
  | { kind: "other"; text: string };

/** Who or what did it. */
export function causeOf({ by, reason }: Pick<Throttle, "by" | "reason">): Cause {
  const rule = /^rule (\S+) \((.+)\)$/.exec(by);
  if (rule) return { kind: "rule", name: rule[1] ?? "", place: rule[2] ?? "" };
  if (by === "adaptive controller") return { kind: "controller" };
  if (by === "connection failures") return { kind: "failures", error: /\((.+)\)$/.exec(reason)?.[1] ?? null };
  const target = /^the (source|site|path|provider) is suspended$/.exec(reason);
  if (target) return { kind: "person", name: by, target: target[1] ?? "" };
  return { kind: "other", text: [reason, by].filter(Boolean).join(" · ") };
}
