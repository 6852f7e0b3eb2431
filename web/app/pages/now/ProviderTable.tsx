// Providers as a table: one line each, the worst to be found by sorting.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderRow } from "~/api/types";
import { OutcomeBar } from "~/components/OutcomeBar";
import { ProviderName } from "~/components/ProviderName";
import { useRateColumns } from "~/components/useRateColumns";
import { type Column, DataTable } from "~/table/DataTable";
import { Sparkline } from "~/ui/Sparkline";

export interface ProvidersProps {
  rows: ProviderRow[];
  /** Attempts over time, by provider. */
  curves: ReadonlyMap<string, number[]>;
}

export function ProviderTable({ rows, curves }: ProvidersProps) {
  const { t } = useTranslation();
  const measures = useRateColumns<ProviderRow>();
  const columns = useMemo<Column<ProviderRow>[]>(
    () => [
      {
        id: "provider",
        header: t("numbers.provider"),
        primary: true,
        sort: (row) => row.provider ?? "",
        cell: (row) => <ProviderName name={row.provider} strong />,
      },
      {
        id: "outcome",
        header: t("monitoring.outcome"),
        hideBelow: "md",
        cell: (row) => <OutcomeBar outcomes={row} />,
      },
      ...measures,
      {
        id: "curve",
        header: t("monitoring.curve"),
        hideBelow: "md",
        cell: (row) => <Sparkline values={curves.get(row.provider ?? "") ?? []} width={96} />,
      },
    ],
    [t, measures, curves],
  );
  return (
    <DataTable
      caption={t("monitoring.providersTitle")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.provider ?? ""}
      small="cards"
      initialSort={{ id: "attempts", desc: true }}
    />
  );
}
