// Rules of one provider: reply → what is done, for how long, after how many.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderRule } from "~/api/types";
import { useActionWords } from "~/components/useThrottleWords";
import { type Column, DataTable } from "~/table/DataTable";

export function RulesTable({ rules }: { rules: ProviderRule[] }) {
  const { t } = useTranslation();
  const action = useActionWords();
  const columns = useMemo<Column<ProviderRule>[]>(
    () => [
      {
        id: "pattern",
        header: t("delivery.pattern"),
        grow: true,
        primary: true,
        cell: (rule) => (
          <span className="mono" title={rule.set_by}>
            {rule.pattern}
          </span>
        ),
      },
      {
        id: "action",
        header: t("delivery.action"),
        wide: true,
        cell: (rule) => <b className="nowrap">{rule.actions.map(action).join(", ")}</b>,
      },
      {
        id: "duration",
        header: t("delivery.duration"),
        cell: (rule) => <span className="nowrap">{rule.duration}</span>,
      },
      {
        id: "threshold",
        header: t("delivery.threshold"),
        cell: (rule) => <span className="nowrap">{rule.threshold ?? t("delivery.atOnce")}</span>,
      },
    ],
    [t, action],
  );
  return (
    <DataTable
      caption={t("delivery.rulesTitle")}
      columns={columns}
      rows={rules}
      rowKey={(rule) => rule.name}
      small="cards"
    />
  );
}
