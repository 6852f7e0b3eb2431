// Each limit of a source towards the domain: the value that holds, who set it, and what lost.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { LimitResolution, SourceResolution } from "~/api/types";
import { type Column, DataTable } from "~/table/DataTable";
import classes from "./Resolve.module.css";

/** Limits that have a name in the language of the page; another one is called by its key. */
const NAMED = [
  "connections",
  "rate",
  "provider_connections",
  "provider_rate",
  "connection_rate",
  "messages_per_connection",
  "recipients_per_transaction",
  "tls",
] as const;

export function LimitsOrigins({ source }: { source: SourceResolution }) {
  const { t } = useTranslation();
  const rows = useMemo<LimitResolution[]>(
    () => [...source.limits, { key: "tls", value: source.tls.value, set_by: source.tls.set_by, lost: [] }],
    [source],
  );
  const columns = useMemo<Column<LimitResolution>[]>(
    () => [
      {
        id: "key",
        header: t("delivery.limit"),
        primary: true,
        cell: (row) => {
          const known = NAMED.find((name) => name === row.key);
          return (
            <span className={known ? "nowrap" : "mono nowrap"}>
              {known ? t(`delivery.limitNames.${known}`) : row.key}
            </span>
          );
        },
      },
      { id: "value", header: t("delivery.value"), cell: (row) => <b className="nowrap">{row.value}</b> },
      {
        id: "by",
        header: t("delivery.setBy"),
        grow: true,
        wide: true,
        cell: (row) => (
          <>
            {row.set_by}
            {row.lost.length > 0 ? (
              <span className={classes.lost}>
                {t("resolve.lost", { lost: row.lost.map((said) => `${said.value} (${said.set_by})`).join(", ") })}
              </span>
            ) : null}
          </>
        ),
      },
    ],
    [t],
  );
  return (
    <DataTable
      caption={t("resolve.limitsOf", { source: source.name })}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.key}
      small="cards"
    />
  );
}
