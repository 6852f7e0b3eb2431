// The past days at one provider, newest first, each with its verdict and the evidence.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { WarmUpDay, WarmUpTrack } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import type { Tone } from "~/ui/tones";
import classes from "./WarmUp.module.css";

const TONES: Record<WarmUpDay["verdict"], Tone> = {
  advance: "good",
  finish: "good",
  repeat: "warn",
  "too-little": "neutral",
  "step-back": "bad",
  paused: "neutral",
  restart: "warn",
};

export function WarmUpDays({ track, name }: { track: WarmUpTrack; name: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rows = useMemo(() => [...track.history].reverse(), [track.history]);
  const columns = useMemo<Column<WarmUpDay>[]>(
    () => [
      {
        id: "date",
        header: t("warmUp.date"),
        primary: true,
        cell: (row) => <span className={classes.date}>{row.date}</span>,
      },
      { id: "day", header: t("warmUp.planDay"), align: "right", cell: (row) => row.day },
      {
        id: "accepted",
        header: t("warmUp.accepted"),
        align: "right",
        primary: true,
        cell: (row) => t("warmUp.used", { used: format.number(row.delivered), volume: format.number(row.volume) }),
      },
      { id: "refused", header: t("warmUp.refused"), align: "right", cell: (row) => format.number(row.refused) },
      { id: "deferred", header: t("warmUp.deferred"), align: "right", cell: (row) => format.number(row.deferred) },
      {
        id: "complaints",
        header: t("warmUp.complaints"),
        align: "right",
        cell: (row) => format.number(row.complaints),
      },
      {
        id: "verdict",
        header: t("warmUp.verdict"),
        primary: true,
        grow: true,
        cell: (row) => (
          <span className={classes.verdict}>
            <Tag tone={TONES[row.verdict]}>{t(`warmUp.verdicts.${row.verdict}`)}</Tag>
            <span className={classes.note}>{row.reason}</span>
            {row.reply && row.verdict !== "advance" ? <span className="mono">{row.reply}</span> : null}
          </span>
        ),
      },
    ],
    [t, format],
  );
  return (
    <DataTable
      caption={t("warmUp.days", { provider: name })}
      columns={columns}
      rows={rows}
      rowKey={(row) => `${row.date} ${row.day}`}
      small="cards"
      empty={<EmptyState icon="source" title={t("warmUp.noDays")} />}
    />
  );
}
