// Which providers slow mail down or refuse it, how badly, and what they say: out of the numbers of a dashboard and the paths
// of the queue. A share counts only when its whole 95 % interval lies above the limit, so that three mails raise no alarm.
import type { Counts, QueuePath, Rates, TopReply } from "~/api/types";

/** From the worst to the least. */
export const SEVERITIES = ["stopped", "slowed", "refuses", "defers"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Smallest share of attempts that is worth a line. */
const DEFERRED_MIN = 0.02;
const BOUNCED_MIN = 0.02;
const BLOCKED_MIN = 0.005;

export interface Measured extends Counts {
  provider: string | null;
  rates: Rates;
}

export interface Trouble {
  provider: string;
  severity: Severity;
  attempts: number;
  deferred: number;
  bounced: number;
  /** What it says most often when it does not accept; null when that is not known. */
  reply: TopReply | null;
  /** The strictest of the paths to it that are stopped or slowed. */
  path: QueuePath | null;
  /** How many paths are stopped or slowed, of how many. */
  held: number;
  paths: number;
}

function strictest(paths: QueuePath[]): QueuePath | null {
  const order = (path: QueuePath) => (path.throttle?.stopped ? 0 : 1) * 1_000_000 + path.limits.connections_now;
  return [...paths].sort((a, b) => order(a) - order(b))[0] ?? null;
}

function severityOf(row: Measured, held: QueuePath[], paths: number): Severity | null {
  const stopped = held.filter((path) => path.throttle?.stopped).length;
  if (stopped > 0 && stopped === paths) return "stopped";
  if (held.length > 0) return "slowed";
  const { deferred, bounced, blocked } = row.rates;
  const defers = deferred.now.low >= DEFERRED_MIN || blocked.now.low >= BLOCKED_MIN;
  if (bounced.now.low >= BOUNCED_MIN && row.bounced >= row.deferred) return "refuses";
  return defers ? "defers" : bounced.now.low >= BOUNCED_MIN ? "refuses" : null;
}

/** The most frequent reply of the kind that there is more of. */
function replyOf(row: Measured, replies: TopReply[]): TopReply | null {
  const own = replies.filter((reply) => reply.provider === row.provider).sort((a, b) => b.count - a.count);
  const wanted = own.find((reply) => (row.deferred >= row.bounced ? reply.code < 500 : reply.code >= 500));
  return wanted ?? own[0] ?? null;
}

/** Providers with trouble, the worst first. */
export function troublesOf(rows: Measured[], replies: TopReply[], paths: QueuePath[]): Trouble[] {
  const found = rows.flatMap((row): Trouble[] => {
    if (!row.provider) return [];
    const own = paths.filter((path) => path.provider === row.provider);
    const held = own.filter((path) => path.throttle);
    const severity = severityOf(row, held, own.length);
    if (!severity) return [];
    const { provider, attempts, deferred, bounced } = row;
    const reply = replyOf(row, replies);
    return [
      {
        provider,
        severity,
        attempts,
        deferred,
        bounced,
        reply,
        path: strictest(held),
        held: held.length,
        paths: own.length,
      },
    ];
  });
  const weight = (trouble: Trouble) => trouble.deferred + trouble.bounced;
  return found.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || weight(b) - weight(a));
}

/** The search that shows these failures. */
export function searchOf(trouble: Pick<Trouble, "provider" | "reply">): string {
  return trouble.reply
    ? `provider:${trouble.provider} template:${trouble.reply.template_id}`
    : `provider:${trouble.provider} kind:deferred,bounced`;
}
