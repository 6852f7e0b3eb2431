// Links of the mail, by how often they were followed. Where an address differs from recipient to recipient, a chip stands.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { CampaignReport } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { addressPieces, Pieces } from "~/ui/Pieces";
import { EmptyState } from "~/ui/States";
import classes from "./ReportPage.module.css";

type Row = CampaignReport["links"][number];

export function LinkTable({ rows, counted }: { rows: Row[]; counted: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Row>[]>(() => {
    const count = (id: "unique" | "clicks" | "automatic", header: string): Column<Row> => ({
      id,
      header,
      align: "right",
      sort: (row) => row[id],
      cell: (row) => format.number(row[id]),
    });
    return [
      {
        id: "url",
        header: t("report.link"),
        grow: true,
        primary: true,
        sort: (row) => row.url,
        cell: (row) => (
          <span className={classes.link} title={row.url}>
            <Pieces pieces={addressPieces(row.pieces)} />
            <span className={classes.place}>{t("report.linkPlace", { n: format.number(row.index + 1) })}</span>
          </span>
        ),
      },
      count("unique", t("report.people")),
      count("clicks", t("report.clickCount")),
      count("automatic", t("report.automaticColumn")),
    ];
  }, [t, format]);
  return (
    <DataTable
      caption={t("report.links")}
      columns={columns}
      rows={rows}
      rowKey={(row) => String(row.index)}
      small="cards"
      initialSort={{ id: "unique", desc: true }}
      empty={
        <EmptyState icon="click" title={t(counted ? "report.noLinks" : "report.linksNotCounted")}>
          {t(counted ? "report.noLinksHint" : "report.linksNotCountedHint")}
        </EmptyState>
      }
    />
  );
}
