// Each limit of a source towards the domain: the value that holds, who set it, and what lost.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { LimitResolution, SourceResolution } from "~/api/types";
import { type Column, DataTable } from "~/table/DataTable";
import classes from "./Resolve.module.css";

/** Limits that the engine knows, by their keys in the files; one that is younger than this page is called by its key. */
const NAMED = [
  "connections",
  "rate",
  "provider_connections",
  "provider_rate",
  "connection_rate",
  "messages_per_connection",
  "recipients_per_transaction",
  "total_connections",
  "address_connections",
  "total_rate",
  "byte_rate",
  "provider_byte_rate",
  "total_byte_rate",
  "provider_connection_rate",
  "total_connection_rate",
  "connection_failures",
  "backoff_rate",
  "backoff_connections",
  "idle_timeout",
  "max_age",
  "retry",
  "warm_up",
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
