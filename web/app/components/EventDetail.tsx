// Everything one event says, field by field.
import { useTranslation } from "react-i18next";
import type { MailEvent } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { type EventField, fieldsOf } from "~/util/event-fields";
import classes from "./EventDetail.module.css";
import { TextLink } from "./links";

export type OnTerm = (field: string, value: string, exclude: boolean) => void;

export function EventDetail({ event, onTerm }: { event: MailEvent; onTerm?: OnTerm }) {
  const { t } = useTranslation();
  return (
    <div className={classes.detail}>
      <p className={classes.links}>
        {event.recipient ? (
          <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: event.recipient }}>
            {t("search.openHistory")}
          </TextLink>
        ) : null}
        {event.message ? (
          <TextLink to="/monitoring/messages/$messageId" params={{ messageId: event.message }}>
            {t("search.openMessage")}
          </TextLink>
        ) : null}
        {onTerm ? <span className="muted">{t("search.detailHint")}</span> : null}
      </p>
      <dl className={classes.list}>
        {fieldsOf(event).map((entry) => (
          <FieldLine key={entry.field} entry={entry} {...(onTerm ? { onTerm } : {})} />
        ))}
      </dl>
    </div>
  );
}

function FieldLine({ entry, onTerm }: { entry: EventField; onTerm?: OnTerm }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const key = `search.field.${entry.field}`;
  const name = i18n.exists(key) ? (t as (key: string) => string)(key) : entry.field;
  const shown = entry.field.endsWith("_ms")
    ? format.millis(Number(entry.value))
    : entry.field.endsWith("_bytes")
      ? format.bytes(Number(entry.value))
      : entry.field === "at" || entry.field === "next_attempt" || entry.field === "until"
        ? format.full(entry.value)
        : entry.value;
  const words = { field: name, value: entry.value };
  return (
    <div className={classes.line}>
      <dt title={entry.field}>{name}</dt>
      <dd>
        <span className={classes.value}>{shown}</span>
        {onTerm && entry.searchable ? (
          <span className={classes.buttons}>
            <button
              type="button"
              aria-label={t("search.addTerm", words)}
              title={t("search.addTerm", words)}
              onClick={() => onTerm(entry.field, entry.value, false)}
            >
              <Icon name="plus" size={12} />
            </button>
            <button
              type="button"
              aria-label={t("search.excludeTerm", words)}
              title={t("search.excludeTerm", words)}
              onClick={() => onTerm(entry.field, entry.value, true)}
            >
              <Icon name="minus" size={12} />
            </button>
          </span>
        ) : null}
      </dd>
    </div>
  );
}
