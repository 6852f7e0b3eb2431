// Variables that would come out empty, with the number of contacts concerned.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { CampaignCheck } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";

type Entry = CampaignCheck["undefined"][number];

export function UndefinedVariables({ entries }: { entries: Entry[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Entry>[]>(
    () => [
      {
        id: "variable",
        header: t("campaigns.check.variable"),
        grow: true,
        cell: (entry) => <span className="mono">{entry.variable}</span>,
      },
      {
        id: "contacts",
        header: t("campaigns.check.lacking"),
        align: "right",
        sort: (entry) => entry.contacts,
        cell: (entry) => format.number(entry.contacts),
      },
    ],
    [t, format],
  );
  if (entries.length === 0) {
    return (
      <p className="muted" style={{ margin: "16px 0 0", fontSize: "0.8125rem" }}>
        {t("campaigns.check.noUndefined")}
      </p>
    );
  }
  const example = `{{ ${entries[0]?.variable ?? "contact.city"} | default: "…" }}`;
  return (
    <>
      <h3 style={{ margin: "20px 0 0", fontSize: "0.8125rem" }}>{t("campaigns.check.undefinedTitle")}</h3>
      <p className="muted" style={{ margin: "0 0 6px", fontSize: "0.75rem" }}>
        {t("campaigns.check.undefinedHint", { example })}
      </p>
      <DataTable
        caption={t("campaigns.check.undefinedTitle")}
        columns={columns}
        rows={entries}
        rowKey={(entry) => entry.variable}
        initialSort={{ id: "contacts", desc: true }}
      />
    </>
  );
}
