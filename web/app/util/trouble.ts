// Which providers slow mail down or refuse it, how badly, and what the queue does about it: out of the troubles that a
// dashboard tells and the paths of the queue. Full or unknown mailboxes are no matter of the provider; they are summed up
// apart. A share counts only when its whole 95 % interval lies above the limit, so that three mails raise no alarm.
import type { CategoryRow, QueuePath, Trouble, TroubleAbout } from "~/api/types";

/** From the worst to the least. */
export const SEVERITIES = ["stopped", "slowed", "refuses", "defers"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Smallest share of attempts that is worth a line. */
const DEFERRED_MIN = 0.02;
const BOUNCED_MIN = 0.005;

export interface Line {
  provider: string;
  severity: Severity;
  /** Something of it happened in the last minutes. */
  now: boolean;
  /** What the provider says; null when only the queue holds back. */
  told: Trouble | null;
  /** The strictest of the paths to it that are stopped or slowed. */
  path: QueuePath | null;
  /** How many paths are stopped or slowed, of how many. */
  held: number;
  paths: number;
  /** Recipients bound to these paths or due for them. */
  due: number;
}

function strictest(paths: QueuePath[]): QueuePath | null {
  const order = (path: QueuePath) => (path.throttle?.stopped ? 0 : 1) * 1_000_000 + path.limits.connections_now;
  return [...paths].sort((a, b) => order(a) - order(b))[0] ?? null;
}

function severityOf(told: Trouble | null, held: QueuePath[], paths: number): Severity | null {
  const stopped = held.filter((path) => path.throttle?.stopped).length;
  if (stopped > 0 && stopped === paths) return "stopped";
  if (held.length > 0) return "slowed";
  if (!told) return null;
  const { deferred, bounced } = told;
  const refuses = bounced.low >= BOUNCED_MIN;
  if (refuses && bounced.hits >= deferred.hits) return "refuses";
  return deferred.low >= DEFERRED_MIN ? "defers" : refuses ? "refuses" : null;
}

/** Paths of one site share what is due for it. */
function dueOf(paths: QueuePath[]): number {
  const backlogs = new Map(paths.map((path) => [path.site, path.backlog]));
  const waiting = [...backlogs.values()].reduce((sum, count) => sum + count, 0);
  return paths.reduce((sum, path) => sum + path.ready + path.in_flight, waiting);
}

/** Providers with trouble: what happens now before what has passed, the worst first. */
export function linesOf(troubles: Trouble[], paths: QueuePath[]): Line[] {
  const about = new Map(
    troubles.flatMap((told) => (told.about === "us" && told.provider ? [[told.provider, told]] : [])),
  );
  const throttled = paths.filter((path) => path.throttle).map((path) => path.provider);
  const found = [...new Set([...about.keys(), ...throttled])].flatMap((provider): Line[] => {
    const told = about.get(provider) ?? null;
    const own = paths.filter((path) => path.provider === provider);
    const held = own.filter((path) => path.throttle);
    const severity = severityOf(told, held, own.length);
    if (!severity) return [];
    const due = dueOf(own);
    // A limit that holds nothing back any more is what is left of the past.
    const now = told?.now === true || (held.length > 0 && due > 0);
    return [{ provider, severity, now, told, path: strictest(held), held: held.length, paths: own.length, due }];
  });
  const weight = ({ told }: Line) => (told ? told.deferred.hits + told.bounced.hits : 0);
  const rank = (line: Line) => (line.now ? 0 : SEVERITIES.length) + SEVERITIES.indexOf(line.severity);
  return found.sort((a, b) => rank(a) - rank(b) || weight(b) - weight(a));
}

/** The search that shows these failures. */
export function searchOf({ provider, told }: Pick<Line, "provider" | "told">): string {
  return told?.reply
    ? `provider:${provider} template:${told.reply.template_id}`
    : `provider:${provider} kind:deferred,bounced`;
}

/** Failures that say nothing about a provider's attitude, over all providers. */
export interface Apart {
  about: Exclude<TroubleAbout, "us">;
  attempts: number;
  categories: CategoryRow[];
  /** Recipients that wait for their next attempt; null when that is not known. */
  waiting: number | null;
  next: string | null;
  q: string;
}

const APART: Record<Apart["about"], string> = {
  recipients: "family:recipient,full kind:deferred,bounced",
  way: "family:delivery kind:deferred,bounced",
  unclear: "(category:other OR -category:*) kind:deferred,bounced",
};

export function apartOf(troubles: Trouble[]): Apart[] {
  return (Object.keys(APART) as Apart["about"][]).flatMap((about): Apart[] => {
    const own = troubles.filter((told) => told.about === about);
    if (own.length === 0) return [];
    const categories = new Map<CategoryRow["category"], CategoryRow>();
    for (const row of own.flatMap((told) => told.categories)) {
      const sum = categories.get(row.category);
      const { deferred, bounced } = row;
      categories.set(
        row.category,
        sum ? { ...sum, deferred: sum.deferred + deferred, bounced: sum.bounced + bounced } : row,
      );
    }
    const size = (row: CategoryRow) => row.deferred + row.bounced;
    const sorted = [...categories.values()].sort((a, b) => size(b) - size(a));
    const next = own.flatMap((told) => (told.next_attempt ? [told.next_attempt] : [])).sort()[0];
    return [
      {
        about,
        attempts: sorted.reduce((sum, row) => sum + size(row), 0),
        categories: sorted,
        waiting: own.some((told) => told.waiting === null)
          ? null
          : own.reduce((sum, told) => sum + (told.waiting ?? 0), 0),
        next: next ?? null,
        q: APART[about],
      },
    ];
  });
}
