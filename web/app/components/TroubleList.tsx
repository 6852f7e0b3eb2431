// Providers that slow mail down or refuse it, now or a while ago: why in one sentence, what the queue does about it, what they
// say, and the way to the replies and to one recipient's dialogue.
import { Button } from "@mantine/core";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { QueueTotals } from "~/api/types";
import { type Format, useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { Icon } from "~/ui/Icon";
import { Tag } from "~/ui/Tag";
import { type Line, searchOf } from "~/util/trouble";
import { FailureLinks } from "./FailureLinks";
import { TextLink } from "./links";
import { ProviderName } from "./ProviderName";
import classes from "./TroubleList.module.css";
import { useThrottleWords } from "./useThrottleWords";

/** Shown at once; the rest on demand. */
const FIRST = 5;

interface TroubleListProps {
  lines: Line[];
  /** What the whole queue holds; null when it does not answer. */
  totals: QueueTotals | null;
  /** On the page of the provider itself. */
  alone?: boolean;
}

export function TroubleList({ lines, totals, alone = false }: TroubleListProps) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const shown = all ? lines : lines.slice(0, FIRST);
  return (
    <>
      <ul className={classes.list}>
        {shown.map((line) => (
          <TroubleItem key={line.provider} line={line} totals={totals} alone={alone} />
        ))}
      </ul>
      {lines.length > shown.length ? (
        <div className={classes.more}>
          <Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>
            {t("trouble.more", { count: lines.length - shown.length })}
          </Button>
        </div>
      ) : null}
    </>
  );
}

/** What the provider says, in words for people; one of its own for a category that is not known yet. */
function whyOf(t: TFunction, exists: (key: string) => boolean, { told, severity, now }: Line): string {
  const tense = now ? "now" : "earlier";
  const category = told?.reply?.category ?? told?.categories[0]?.category;
  const key = `trouble.why.${tense}.${category}`;
  if (category && exists(key)) return (t as (key: string) => string)(key);
  const held = severity === "slowed" || severity === "stopped";
  return t(`trouble.${held ? "held" : "unclear"}.${tense}`);
}

/** What waits for this provider: told by its deferrals, and by the queue for everything that is due. */
function waitsOf(
  t: TFunction,
  format: Format,
  { told, due, severity }: Line,
  totals: QueueTotals | null,
): string | null {
  const left = totals ? totals.scheduled + totals.ready + totals.in_flight : null;
  // Cancelled mail is in no queue, whatever its deferral announced.
  const waiting = left === 0 ? 0 : told ? told.waiting : 0;
  if (waiting && told?.next_attempt)
    return t("trouble.waiting", { count: waiting, time: format.time(told.next_attempt) });
  if (waiting === null || left === null) return null;
  if (due === 0) return t("trouble.nothingWaits");
  return t(severity === "stopped" ? "trouble.waitsOnly" : "trouble.due", { count: due });
}

function TroubleItem({ line, totals, alone }: { line: Line; totals: QueueTotals | null; alone: boolean }) {
  const { t, i18n } = useTranslation();
  const { short, postmaster } = useProviderInfo();
  const { provider, told } = line;
  const page = postmaster(provider);
  const reply = told?.reply;
  return (
    <li className={classes.item} data-now={line.now}>
      <div style={{ minWidth: 0 }}>
        <p className={classes.sentence}>
          {alone ? <b>{short(provider)}</b> : <ProviderName name={provider} strong />}{" "}
          {whyOf(t, (key) => i18n.exists(key), line)}
        </p>
        <Facts line={line} />
        <QueueLine line={line} totals={totals} />
        {reply ? (
          <p
            className={`mono clamp-2 ${classes.quote}`}
            data-kind={reply.code >= 500 ? "bounced" : "deferred"}
            title={reply.sample}
          >
            {reply.template}
          </p>
        ) : null}
      </div>
      <div className={classes.links}>
        {told ? <FailureLinks q={searchOf(line)} /> : null}
        {page && !alone ? (
          <Button
            component="a"
            variant="subtle"
            size="compact-sm"
            href={page}
            target="_blank"
            rel="noreferrer noopener"
            aria-label={t("monitoring.postmaster", { name: short(provider) })}
            leftSection={<Icon name="external" size={13} />}
          >
            {t("monitoring.postmasterPage")}
          </Button>
        ) : null}
      </div>
    </li>
  );
}

/** Since when it is over, and how many attempts it concerned. */
function Facts({ line: { now, severity, told } }: { line: Line }) {
  const { t } = useTranslation();
  const format = useFormat();
  const [deferred, bounced] = [told?.deferred, told?.bounced];
  const when = now
    ? t("trouble.now")
    : told?.last_seen
      ? t("trouble.earlierUntil", { time: format.time(told.last_seen) })
      : t("trouble.earlier");
  const counts = [
    deferred?.hits ? t("trouble.deferred", { count: deferred.hits, share: format.percent(deferred.rate) }) : null,
    bounced?.hits ? t("trouble.bounced", { count: bounced.hits, share: format.percent(bounced.rate) }) : null,
  ];
  const tone = !now ? "neutral" : severity === "stopped" || severity === "refuses" ? "bad" : "warn";
  return (
    <p className={classes.facts}>
      <Tag tone={tone} dot>
        {when}
      </Tag>
      {counts.map((fact) => (fact ? <span key={fact}>{fact}</span> : null))}
    </p>
  );
}

/** What our queue does: its pace on the paths there, and what waits. */
function QueueLine({ line, totals }: { line: Line; totals: QueueTotals | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useThrottleWords();
  const { path, held, paths } = line;
  const throttle = path?.throttle ? words(path.throttle, path.limits) : null;
  const waits = waitsOf(t, format, line, totals);
  if (!throttle && !waits) return null;
  return (
    <p className={classes.facts}>
      <Icon name="queue" size={13} />
      <span>{t("trouble.queue")}</span>
      {throttle && path ? (
        <TextLink
          to="/delivery/queues/$source/$site"
          params={{ source: path.source, site: path.site }}
          title={[throttle.cause, throttle.detail].filter(Boolean).join(" · ")}
        >
          {[throttle.effect, throttle.until].filter(Boolean).join(" · ")}
        </TextLink>
      ) : null}
      {throttle && paths > 1 ? <span>{t("trouble.paths", { count: held, all: paths })}</span> : null}
      {waits ? <span>{waits}</span> : null}
    </p>
  );
}
