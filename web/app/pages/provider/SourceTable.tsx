// One provider, split by the virtual MTA the mail left from.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderDashboard } from "~/api/types";
import { OutcomeRate } from "~/components/OutcomeRate";
import { ThrottleNote } from "~/components/ThrottleNote";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { share } from "~/util/format";

type Row = ProviderDashboard["by_source"][number];

export function SourceTable({ rows }: { rows: Row[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Row>[]>(() => {
    const rate = (name: "delivered" | "deferred" | "bounced" | "blocked", header: string): Column<Row> => ({
      id: name,
      header,
      align: "right",
      sort: (row) => share(row[name], row.attempts) ?? -1,
      cell: (row) => <OutcomeRate outcomes={row} name={name} />,
    });
    return [
      {
        id: "source",
        header: t("numbers.source"),
        primary: true,
        sort: (row) => row.source,
        cell: (row) => <b>{row.source}</b>,
      },
      {
        id: "attempts",
        header: t("numbers.attempts"),
        align: "right",
        sort: (row) => row.attempts,
        cell: (row) => format.number(row.attempts),
      },
      rate("delivered", t("numbers.accepted")),
      rate("deferred", t("numbers.deferred")),
      rate("bounced", t("numbers.bounced")),
      rate("blocked", t("numbers.blocked")),
      {
        id: "delay",
        header: t("numbers.delay"),
        align: "right",
        sort: (row) => row.delay.p95_s ?? -1,
        cell: (row) => `${format.duration(row.delay.p50_s)} / ${format.duration(row.delay.p95_s)}`,
      },
      {
        id: "limit",
        header: t("monitoring.limit"),
        grow: true,
        primary: true,
        cell: (row) =>
          row.throttle ? (
            <ThrottleNote throttle={row.throttle} />
          ) : (
            <span className="muted">{t("monitoring.noLimit")}</span>
          ),
      },
    ];
  }, [t, format]);
  return (
    <DataTable
      caption={t("monitoring.bySource")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.source}
      small="cards"
      initialSort={{ id: "attempts", desc: true }}
    />
  );
}
