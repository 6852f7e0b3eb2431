// Providers as a table: one line each, the worst to be found by sorting.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderOutcomes } from "~/api/types";
import { TextLink } from "~/components/links";
import { OutcomeBar } from "~/components/OutcomeBar";
import { OutcomeRate } from "~/components/OutcomeRate";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Sparkline } from "~/ui/Sparkline";
import { share } from "~/util/format";

export function ProviderTable({ rows }: { rows: ProviderOutcomes[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<ProviderOutcomes>[]>(() => {
    const rate = (
      name: "delivered" | "deferred" | "bounced" | "blocked",
      header: string,
    ): Column<ProviderOutcomes> => ({
      id: name,
      header,
      align: "right",
      sort: (row) => share(row[name], row.attempts) ?? -1,
      cell: (row) => <OutcomeRate outcomes={row} name={name} />,
    });
    return [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.label,
        cell: (row) => (
          <TextLink to="/monitoring/providers/$provider" params={{ provider: row.provider }} fw={600}>
            {row.label}
          </TextLink>
        ),
      },
      {
        id: "outcome",
        header: t("monitoring.outcome"),
        hideBelow: "sm",
        cell: (row) => <OutcomeBar outcomes={row} />,
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
        id: "curve",
        header: t("monitoring.curve"),
        hideBelow: "sm",
        cell: (row) => (
          <Sparkline values={row.series.map((point) => point.delivered + point.deferred + point.bounced)} width={110} />
        ),
      },
    ];
  }, [t, format]);
  return (
    <DataTable
      caption={t("monitoring.providersTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.provider}
      small="cards"
      initialSort={{ id: "attempts", desc: true }}
    />
  );
}
