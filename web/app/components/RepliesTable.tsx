// Reply templates: what providers said most, since when, with one sample each.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { TopReply } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import { termOf } from "~/util/query-text";
import { FailureLinks } from "./FailureLinks";
import { ProviderName } from "./ProviderName";
import classes from "./RepliesTable.module.css";
import { Time } from "./Time";
import { useCategoryName } from "./useCategoryName";

export function RepliesTable({ replies, withProvider }: { replies: TopReply[]; withProvider: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  const columns = useMemo<Column<TopReply>[]>(
    () => [
      {
        id: "template",
        header: t("monitoring.reply"),
        grow: true,
        primary: true,
        cell: (row) => (
          <span className={classes.reply}>
            <span className={classes.edge} data-kind={row.code >= 500 ? "bounced" : "deferred"} />
            <span>
              <span className="mono">{row.template}</span>{" "}
              {row.is_new ? <Tag tone="info">{t("monitoring.new")}</Tag> : null}
            </span>
          </span>
        ),
      },
      {
        id: "category",
        header: t("monitoring.category"),
        sort: (row) => row.category ?? "",
        cell: (row) => <Tag tone={row.code >= 500 ? "bad" : "warn"}>{categoryName(row.category)}</Tag>,
      },
      ...(withProvider
        ? [
            {
              id: "provider",
              header: t("numbers.provider"),
              sort: (row: TopReply) => row.provider ?? "",
              cell: (row: TopReply) => <ProviderName name={row.provider} />,
            },
          ]
        : []),
      {
        id: "count",
        header: t("table.count"),
        align: "right",
        sort: (row) => row.count,
        cell: (row) => format.number(row.count),
      },
      {
        id: "first",
        header: t("monitoring.firstSeen"),
        hideBelow: "lg",
        sort: (row) => row.first_seen ?? "",
        cell: (row) => <Time at={row.first_seen} relative />,
      },
      {
        id: "last",
        header: t("monitoring.lastSeen"),
        hideBelow: "md",
        sort: (row) => row.last_seen ?? "",
        cell: (row) => <Time at={row.last_seen} relative />,
      },
    ],
    [t, format, categoryName, withProvider],
  );
  return (
    <DataTable
      caption={t("monitoring.repliesTitle")}
      columns={columns}
      rows={replies}
      rowKey={(row) => `${row.provider} ${row.template_id}`}
      small="cards"
      initialSort={{ id: "count", desc: true }}
      detailLabel={(row, open) => t(open ? "table.closeRow" : "table.openRow", { name: row.template })}
      detail={(row) => (
        <div className={classes.detail}>
          <p className="muted">{t("monitoring.sample")}</p>
          <p className="mono">{row.sample}</p>
          <FailureLinks q={searchFor(row)} />
        </div>
      )}
      empty={
        <EmptyState icon="check" title={t("monitoring.noReplies")}>
          {t("monitoring.noRepliesHint")}
        </EmptyState>
      }
    />
  );
}

/** Finds what is counted: replies when they were given, not the expiry that repeats the last one. */
export function searchFor(row: Pick<TopReply, "provider" | "template_id">): string {
  const reply = `template:${row.template_id} kind:deferred,bounced,remote-bounce`;
  return row.provider ? `${termOf("provider", row.provider)} ${reply}` : reply;
}
