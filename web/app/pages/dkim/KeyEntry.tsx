// One key: state with its dates, what the DNS says, the record to publish.
import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { DkimKey } from "~/api/types";
import { CopyButton } from "~/components/CopyButton";
import { Time } from "~/components/Time";
import { Icon } from "~/ui/Icon";
import { Tag } from "~/ui/Tag";
import type { Tone } from "~/ui/tones";
import classes from "./Dkim.module.css";

const STATES = ["pending", "active", "retiring", "retired"] as const;
type State = (typeof STATES)[number];

const TONES: Record<State, Tone> = { pending: "warn", active: "good", retiring: "info", retired: "neutral" };

const stateOf = (key: DkimKey): State => STATES.find((state) => state === key.state) ?? "retired";

export interface KeyEntryProps {
  entry: DkimKey;
  /** Undefined for who may not change anything. */
  onAsk: ((act: "activate" | "erase") => void) | undefined;
}

export function KeyEntry({ entry, onAsk }: KeyEntryProps) {
  const { t } = useTranslation();
  const state = stateOf(entry);
  const { selector } = entry;
  return (
    <article className={classes.entry} aria-label={t("dkim.entry", { selector, domain: entry.domain })}>
      <div className={classes.head}>
        <b className="mono">{selector}</b>
        <Tag tone={TONES[state]} dot>
          {t(`dkim.states.${state}`)}
        </Tag>
        <span className="muted">{entry.algorithm}</span>
        <span className={classes.dates}>
          {t(`dkim.since.${state}`)} <Time at={entry.since} /> · {t("dkim.made")} <Time at={entry.created_at} />
          {entry.retires_at ? (
            <>
              {" · "}
              {t("dkim.retires")} <Time at={entry.retires_at} />
            </>
          ) : null}
        </span>
        {onAsk ? (
          <span className={classes.acts}>
            {state === "pending" ? (
              <Button
                variant="default"
                size="compact-sm"
                onClick={() => onAsk("activate")}
                aria-label={t("dkim.activateOf", { selector })}
              >
                {t("dkim.activate")}
              </Button>
            ) : null}
            {state === "pending" ? (
              <Button
                variant="default"
                size="compact-sm"
                onClick={() => onAsk("erase")}
                aria-label={t("dkim.eraseOf", { selector })}
              >
                {t("dkim.erase")}
              </Button>
            ) : null}
          </span>
        ) : null}
      </div>
      {entry.record ? (
        <>
          <DnsLine entry={entry} />
          <RecordBox entry={entry} record={entry.record} />
        </>
      ) : (
        <p className={classes.note}>{t("dkim.gone")}</p>
      )}
    </article>
  );
}

function DnsLine({ entry }: { entry: DkimKey }) {
  const { t } = useTranslation();
  if (!entry.checked_at) return <p className={classes.note}>{t("dkim.unchecked")}</p>;
  const { problem } = entry;
  const right = problem === null;
  return (
    <p className={classes.dns} data-wrong={!right || undefined}>
      <Icon name={right ? "check" : "warning"} size={14} />
      <span>
        {right ? t("dkim.right") : t("dkim.wrong", { problem })} ({t("dkim.asked")} <Time at={entry.checked_at} />)
      </span>
    </p>
  );
}

function RecordBox({ entry, record }: { entry: DkimKey; record: string }) {
  const { t } = useTranslation();
  const { selector } = entry;
  return (
    <dl className={classes.record}>
      <dt>{t("dkim.name")}</dt>
      <dd>
        <code>{entry.record_name}</code>
        <CopyButton text={entry.record_name} label={t("dkim.copyName", { selector })} />
      </dd>
      <dt>{t("dkim.text")}</dt>
      <dd>
        <code>{record}</code>
        <CopyButton text={record} label={t("dkim.copyText", { selector })} />
      </dd>
      {entry.zone_line ? (
        <>
          <dt>{t("dkim.zone")}</dt>
          <dd>
            <span className="muted">{t("dkim.zoneHint")}</span>
            <CopyButton text={entry.zone_line} label={t("dkim.copyZone", { selector })} />
          </dd>
        </>
      ) : null}
    </dl>
  );
}
