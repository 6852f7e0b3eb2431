// Rules of one provider: reply → what is done, for how long, after how many.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderRule } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";

export function RulesTable({ rules }: { rules: ProviderRule[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<ProviderRule>[]>(
    () => [
      {
        id: "pattern",
        header: t("delivery.pattern"),
        grow: true,
        primary: true,
        cell: (rule) => <span className="mono">{rule.pattern}</span>,
      },
      { id: "action", header: t("delivery.action"), cell: (rule) => <b className="nowrap">{rule.action}</b> },
      {
        id: "duration",
        header: t("delivery.duration"),
        cell: (rule) => <span className="nowrap">{format.duration(rule.duration_s)}</span>,
      },
      {
        id: "threshold",
        header: t("delivery.threshold"),
        cell: (rule) => <span className="nowrap">{rule.threshold ?? t("delivery.atOnce")}</span>,
      },
    ],
    [t, format],
  );
  return (
    <DataTable
      caption={t("delivery.rulesTitle")}
      columns={columns}
      rows={rules}
      rowKey={(rule) => rule.pattern + rule.action}
      small="cards"
    />
  );
}
