// Events of one recipient from first to last.
import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attempt, MailEvent } from "~/api/types";
import { ReplyText } from "~/components/ReplyText";
import { Time } from "~/components/Time";
import { Transcript } from "~/components/Transcript";
import { useCategoryName } from "~/components/useCategoryName";
import { kindIcon, kindTone } from "~/components/vocabulary";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Tag } from "~/ui/Tag";
import { toneSoft, toneText } from "~/ui/tones";
import { summaryOf } from "~/util/event-fields";
import classes from "./History.module.css";

export function Timeline({ events }: { events: MailEvent[] }) {
  const lastWithTranscript = events.findLastIndex((event) => event.attempt?.transcript);
  return (
    <ol className={classes.timeline}>
      {events.map((event, index) => (
        <TimelineEvent key={event.id} event={event} open={index === lastWithTranscript} />
      ))}
    </ol>
  );
}

function TimelineEvent({ event, open }: { event: MailEvent; open: boolean }) {
  const { t } = useTranslation();
  const categoryName = useCategoryName();
  const tone = kindTone[event.kind] ?? "neutral";
  const { attempt, report } = event;
  const category = attempt?.category ?? report?.category;
  const reply = attempt?.reply ?? report?.reply;
  return (
    <li className={classes.event}>
      <span className={classes.bullet} style={{ background: toneSoft(tone), color: toneText(tone) }}>
        <Icon name={kindIcon[event.kind] ?? "mail"} size={15} />
      </span>
      <div style={{ minWidth: 0 }}>
        <div className={classes.head}>
          <b>{t(`eventKind.${event.kind}`)}</b>
          <Time at={event.at} seconds />
          {attempt ? <span>{t("history.attempt", { number: attempt.number })}</span> : null}
          {category ? <Tag tone={tone}>{categoryName(category)}</Tag> : null}
        </div>
        {reply ? (
          <p className={classes.reply}>
            <ReplyText reply={reply} />
          </p>
        ) : attempt?.error ? (
          <p className={`mono ${classes.reply}`}>{attempt.error}</p>
        ) : null}
        {attempt ? <AttemptFacts event={event} attempt={attempt} /> : <OtherFacts event={event} />}
        {attempt && event.kind !== "suppressed" ? <TranscriptToggle attempt={attempt} initially={open} /> : null}
      </div>
    </li>
  );
}

function AttemptFacts({ event, attempt }: { event: MailEvent; attempt: Attempt }) {
  const { t } = useTranslation();
  const format = useFormat();
  const phases = (["connect_ms", "tls_ms", "transaction_ms"] as const).flatMap((phase) => {
    const ms = attempt[phase];
    return ms === undefined || ms === null ? [] : [`${t(`search.field.${phase}`)} ${format.millis(ms)}`];
  });
  return (
    <p className={classes.facts}>
      {event.source || attempt.mx_host ? (
        <span>
          {t("history.via", {
            source: event.source ?? attempt.source_address ?? "–",
            host: attempt.mx_host ?? attempt.site ?? "–",
          })}
        </span>
      ) : null}
      {attempt.queued_ms !== undefined ? (
        <span>{t("history.after", { time: format.millis(attempt.queued_ms) })}</span>
      ) : null}
      {phases.length > 0 ? <span>{phases.join(" · ")}</span> : null}
      {attempt.tls ? <span>{attempt.tls}</span> : null}
      {attempt.next_attempt ? (
        <span>{t("history.nextAttempt", { time: format.time(attempt.next_attempt, true) })}</span>
      ) : null}
    </p>
  );
}

function OtherFacts({ event }: { event: MailEvent }) {
  const { t } = useTranslation();
  const format = useFormat();
  const facts = [
    event.touch?.url ? t("history.clickedLink", { url: event.touch.url }) : null,
    event.touch?.method ?? null,
    event.touch?.client ? t("history.byClient", { client: event.touch.client }) : null,
    event.touch?.user_agent ?? null,
    event.report?.reporter ? t("history.reported", { reporter: event.report.reporter }) : null,
    event.control ? summaryOf(event) : null,
    event.size_bytes ? format.bytes(event.size_bytes) : null,
    event.note ?? null,
  ].filter((fact): fact is string => fact !== null);
  if (facts.length === 0) return null;
  return (
    <p className={classes.facts}>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
    </p>
  );
}

function TranscriptToggle({ attempt, initially }: { attempt: Attempt; initially: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(initially);
  if (!attempt.transcript) return <p className={classes.facts}>{t("history.noTranscript")}</p>;
  return (
    <div className={classes.transcript}>
      <Button
        variant="subtle"
        size="compact-xs"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        leftSection={<Icon name={open ? "chevronDown" : "chevronRight"} size={12} />}
      >
        {t(open ? "history.hideTranscript" : "history.showTranscript")}
      </Button>
      {open ? (
        <div style={{ marginTop: 6 }}>
          <Transcript text={attempt.transcript} />
        </div>
      ) : null}
    </div>
  );
}
