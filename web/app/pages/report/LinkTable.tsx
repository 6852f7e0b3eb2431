// Links of the mail, by how often they were followed.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { CampaignReport } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";

type Row = CampaignReport["links"][number];

export function LinkTable({ rows }: { rows: Row[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Row>[]>(
    () => [
      {
        id: "url",
        header: t("report.link"),
        grow: true,
        primary: true,
        sort: (row) => row.url,
        cell: (row) => <span style={{ overflowWrap: "anywhere" }}>{row.url}</span>,
      },
      {
        id: "clicks",
        header: t("report.clicks"),
        align: "right",
        sort: (row) => row.clicks,
        cell: (row) => format.number(row.clicks),
      },
      {
        id: "unique",
        header: t("report.people"),
        align: "right",
        sort: (row) => row.unique,
        cell: (row) => format.number(row.unique),
      },
    ],
    [t, format],
  );
  return (
    <DataTable
      caption={t("report.links")}
      columns={columns}
      rows={rows}
      rowKey={(row) => String(row.index)}
      initialSort={{ id: "clicks", desc: true }}
      empty={
        <EmptyState icon="click" title={t("report.noLinks")}>
          {t("report.noLinksHint")}
        </EmptyState>
      }
    />
  );
}
