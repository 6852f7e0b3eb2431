// What went wrong, by what the reply means, with one reply as it was said. Each column adds up to a figure above.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { CampaignReport } from "~/api/types";
import { FailureLinks } from "~/components/FailureLinks";
import { useCategoryName } from "~/components/useCategoryName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";
import classes from "./ReportPage.module.css";

type Row = CampaignReport["by_category"][number];

export interface CategoryTableProps {
  rows: Row[];
  campaign: string;
  /** Nothing was attempted yet. */
  waiting: boolean;
}

export function CategoryTable({ rows, campaign, waiting }: CategoryTableProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const categoryName = useCategoryName();
  const columns = useMemo<Column<Row>[]>(() => {
    const count = (id: "deferred" | "bounced" | "expired" | "came_back", header: string): Column<Row> => ({
      id,
      header,
      base: t(id === "deferred" ? "report.base.attempts" : "report.base.recipients"),
      align: "right",
      sort: (row) => row[id],
      cell: (row) => format.number(row[id]),
    });
    return [
      {
        id: "category",
        header: t("report.category"),
        grow: true,
        primary: true,
        sort: (row) => row.category,
        cell: (row) => (
          <>
            <b>{categoryName(row.category)}</b>
            <span className={`mono muted ${classes.sample}`}>{row.sample}</span>
            <FailureLinks q={`campaign:${campaign} category:${row.category}`} />
          </>
        ),
      },
      count("deferred", t("report.putOff")),
      count("bounced", t("report.outcome.bounced")),
      count("expired", t("report.outcome.expired")),
      count("came_back", t("report.cameBack")),
    ];
  }, [t, format, categoryName, campaign]);
  // Said below the table: what its columns add up to.
  const sum = (of: (row: Row) => number) => format.number(rows.reduce((all, row) => all + of(row), 0));
  return (
    <>
      <DataTable
        caption={t("report.categories")}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.category}
        small="cards"
        initialSort={{ id: "deferred", desc: true }}
        empty={
          waiting ? (
            <EmptyState icon="clock" title={t("report.noAttempts")} />
          ) : (
            <EmptyState icon="check" title={t("report.noBounces")} />
          )
        }
      />
      {rows.length > 0 ? (
        <p className={classes.sum}>
          {t("report.categorySum", {
            attempts: sum((row) => row.deferred),
            bounced: sum((row) => row.bounced),
            expired: sum((row) => row.expired),
            back: sum((row) => row.came_back),
          })}
        </p>
      ) : null}
    </>
  );
}
