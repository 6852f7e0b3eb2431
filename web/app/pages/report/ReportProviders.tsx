// One campaign by provider: stacked bars, and the table with all numbers. The rows add up to the figures above.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ReportProvider } from "~/api/types";
import { ProviderName } from "~/components/ProviderName";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { StackBar } from "~/ui/Bars";
import { Dash } from "~/ui/Dash";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { share } from "~/util/format";
import classes from "./ReportPage.module.css";

/** The name of the row of those of whom no provider is known. */
const UNKNOWN = "unknown";

export function ReportProviders({ rows }: { rows: ReportProvider[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const anyCameBack = rows.some((row) => row.came_back > 0);
  const columns = useMemo<Column<ReportProvider>[]>(() => {
    const count = (
      id: "sent" | "delivered" | "came_back" | "bounced" | "expired" | "suppressed" | "queued" | "complaints",
      header: string,
    ): Column<ReportProvider> => ({
      id,
      header,
      align: "right",
      sort: (row) => row[id],
      cell: (row) => format.number(row[id]),
    });
    const rate = (id: "opens" | "clicks"): Column<ReportProvider> => ({
      id,
      header: t(`report.${id}`),
      base: t("report.base.delivered"),
      align: "right",
      sort: (row) => share(row[id], row.delivered) ?? -1,
      cell: (row) => (
        <span
          title={`${t("report.peopleN", { count: row[id] })}; ${t("report.automaticN", { count: row[`${id}_automatic`] })}`}
        >
          {format.share(row[id], row.delivered)}
        </span>
      ),
    });
    return [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.provider,
        cell: (row) =>
          row.provider === UNKNOWN ? (
            <span className="muted">{t(row.queued === row.sent ? "report.notAttempted" : "report.noProvider")}</span>
          ) : (
            <ProviderName name={row.provider} strong />
          ),
      },
      {
        id: "bar",
        header: t("report.byProviderChart"),
        base: t("report.base.sent"),
        grow: true,
        primary: true,
        sort: (row) => share(row.delivered, row.sent) ?? 0,
        cell: (row) => <OutcomeBar row={row} />,
      },
      count("sent", t("report.sent")),
      count("delivered", t("report.outcome.delivered")),
      ...(anyCameBack ? [count("came_back", t("report.cameBack"))] : []),
      count("bounced", t("report.outcome.bounced")),
      count("expired", t("report.outcome.expired")),
      count("suppressed", t("report.cancelled")),
      count("queued", t("report.outcome.queued")),
      rate("opens"),
      rate("clicks"),
      count("complaints", t("report.complained")),
      {
        id: "delay",
        header: t("report.delay"),
        base: t("report.base.delay"),
        align: "right",
        sort: (row) => row.p95_s ?? -1,
        cell: (row) =>
          row.p50_s === null ? (
            <Dash />
          ) : (
            <>
              {format.duration(row.p50_s)}
              <span className={classes.second}>{format.duration(row.p95_s)}</span>
            </>
          ),
      },
    ];
  }, [t, format, anyCameBack]);
  return (
    <Panel title={t("report.byProvider")} hint={t("report.byProviderHint")} flush>
      <DataTable
        caption={t("report.byProvider")}
        columns={columns}
        rows={rows}
        rowKey={(row) => row.provider}
        small="cards"
        initialSort={{ id: "sent", desc: true }}
        empty={<EmptyState icon="provider" title={t("report.noProviders")} />}
      />
    </Panel>
  );
}

function OutcomeBar({ row }: { row: ReportProvider }) {
  const { t } = useTranslation();
  const format = useFormat();
  const parts = [
    { label: t("report.outcome.delivered"), value: row.delivered, tone: "good" as const },
    { label: t("report.outcome.bounced"), value: row.bounced, tone: "bad" as const },
    { label: t("report.outcome.expired"), value: row.expired, tone: "block" as const },
    { label: t("report.outcome.suppressed"), value: row.suppressed, tone: "neutral" as const },
    { label: t("report.waitingAgain"), value: row.deferred, tone: "warn" as const },
  ];
  const words = parts
    .filter((part) => part.value > 0)
    .map((part) => `${part.label} ${format.share(part.value, row.sent)}`)
    .join(", ");
  return (
    <span style={{ display: "block", minWidth: 90 }}>
      <StackBar parts={parts} total={row.sent} label={words || t("report.notAttempted")} height={12} />
    </span>
  );
}
