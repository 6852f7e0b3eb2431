// Failed attempts by what the reply means, with one reply as it was said.
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
  const columns = useMemo<Column<Row>[]>(
    () => [
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
      {
        id: "count",
        header: t("table.count"),
        align: "right",
        sort: (row) => row.count,
        cell: (row) => format.number(row.count),
      },
    ],
    [t, format, categoryName, campaign],
  );
  return (
    <DataTable
      caption={t("report.categories")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.category}
      small="cards"
      initialSort={{ id: "count", desc: true }}
      empty={
        waiting ? (
          <EmptyState icon="clock" title={t("report.noAttempts")} />
        ) : (
          <EmptyState icon="check" title={t("report.noBounces")} />
        )
      }
    />
  );
}
