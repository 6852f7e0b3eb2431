// Columns shared by the tables of providers and of virtual MTAs.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Counts, Delay, Rates } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import type { Column } from "~/table/DataTable";
import { type OutcomeName, OutcomeRate } from "./OutcomeRate";

interface Measured extends Counts {
  rates: Rates;
  delay: Delay;
}

export function useRateColumns<T extends Measured>(): Column<T>[] {
  const { t } = useTranslation();
  const format = useFormat();
  return useMemo(() => {
    const rate = (name: OutcomeName, header: string): Column<T> => ({
      id: name,
      header,
      align: "right",
      sort: (row) => (row.rates[name].now.n > 0 ? row.rates[name].now.rate : -1),
      cell: (row) => <OutcomeRate name={name} rate={row.rates[name]} />,
    });
    return [
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
    ];
  }, [t, format]);
}
