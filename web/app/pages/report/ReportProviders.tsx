// One campaign by provider: stacked bars, and the table with all numbers.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ReportProvider } from "~/api/types";
import { ProviderName } from "~/components/ProviderName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { StackBar } from "~/ui/Bars";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { share } from "~/util/format";

export function ReportProviders({ rows }: { rows: ReportProvider[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<ReportProvider>[]>(() => {
    const count = (
      id: "sent" | "delivered" | "deferred" | "bounced" | "complaints",
      header: string,
    ): Column<ReportProvider> => ({
      id,
      header,
      align: "right",
      sort: (row) => row[id],
      cell: (row) => format.number(row[id]),
    });
    const rate = (id: "opens" | "clicks", header: string): Column<ReportProvider> => ({
      id,
      header,
      align: "right",
      sort: (row) => share(row[id], row.delivered) ?? -1,
      cell: (row) => <span title={format.number(row[id])}>{format.share(row[id], row.delivered)}</span>,
    });
    return [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.provider,
        cell: (row) => <ProviderName name={row.provider} strong />,
      },
      {
        id: "bar",
        header: t("report.byProviderChart"),
        grow: true,
        primary: true,
        sort: (row) => share(row.delivered, row.sent + row.deferred) ?? 0,
        cell: (row) => <OutcomeBar row={row} />,
      },
      count("sent", t("report.sent")),
      count("delivered", t("numbers.delivered")),
      count("deferred", t("report.deferredNow")),
      count("bounced", t("numbers.bounced")),
      count("complaints", t("numbers.complaints")),
      rate("opens", t("numbers.opens")),
      rate("clicks", t("numbers.clicks")),
      {
        id: "delay",
        header: t("numbers.delay"),
        align: "right",
        sort: (row) => row.p95_s ?? -1,
        cell: (row) => `${format.duration(row.p50_s)} / ${format.duration(row.p95_s)}`,
      },
    ];
  }, [t, format]);
  return (
    <Panel title={t("report.byProvider")} hint={t("report.byProviderHint")} flush>
      <DataTable
        caption={t("report.byProvider")}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.provider}
        small="cards"
        initialSort={{ id: "sent", desc: true }}
        empty={<EmptyState icon="provider" title={t("monitoring.quietTitle")} />}
      />
    </Panel>
  );
}

function OutcomeBar({ row }: { row: ReportProvider }) {
  const { t } = useTranslation();
  const format = useFormat();
  const total = row.sent + row.deferred;
  const parts = [
    { label: t("numbers.delivered"), value: row.delivered, tone: "good" as const },
    { label: t("report.deferredNow"), value: row.deferred, tone: "warn" as const },
    { label: t("numbers.bounced"), value: row.bounced, tone: "bad" as const },
  ];
  const words = parts.map((part) => `${part.label} ${format.share(part.value, total)}`).join(", ");
  return (
    <span style={{ display: "block", minWidth: 180 }}>
      <StackBar parts={parts} total={total} label={words} height={12} />
    </span>
  );
}
