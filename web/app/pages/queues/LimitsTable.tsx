// The limits of a path: as configured, and as they are now.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { PathLimits } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";

interface Row {
  id: string;
  name: string;
  configured: string;
  now: string;
}

export function LimitsTable({ limits }: { limits: PathLimits }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rows = useMemo<Row[]>(() => {
    const count = (value: number | null) => (value === null ? "–" : format.number(value));
    const same = (id: keyof typeof NAMES, value: string): Row => ({
      id,
      name: t(NAMES[id]),
      configured: value,
      now: value,
    });
    return [
      {
        id: "connections",
        name: t(NAMES.connections),
        configured: count(limits.connections),
        now: count(limits.connections_now),
      },
      { id: "rate", name: t(NAMES.rate), configured: limits.rate ?? "–", now: limits.rate_now ?? "–" },
      same("provider_connections", count(limits.provider_connections)),
      same("provider_rate", limits.provider_rate ?? "–"),
      same("connection_rate", limits.connection_rate ?? "–"),
      same("messages_per_connection", count(limits.messages_per_connection)),
      same("recipients_per_transaction", count(limits.recipients_per_transaction)),
      same("tls", t(`delivery.tlsNames.${limits.tls}`)),
    ];
  }, [limits, t, format]);
  const columns = useMemo<Column<Row>[]>(
    () => [
      { id: "name", header: t("delivery.limit"), grow: true, cell: (row) => row.name },
      { id: "configured", header: t("delivery.configured"), align: "right", cell: (row) => row.configured },
      {
        id: "now",
        header: t("delivery.now"),
        align: "right",
        cell: (row) => (row.now === row.configured ? row.now : <b style={{ color: "var(--warn-text)" }}>{row.now}</b>),
      },
    ],
    [t],
  );
  return <DataTable caption={t("delivery.originsTitle")} columns={columns} rows={rows} rowKey={(row) => row.id} />;
}

const NAMES = {
  connections: "delivery.limitNames.connections",
  rate: "delivery.limitNames.rate",
  provider_connections: "delivery.limitNames.provider_connections",
  provider_rate: "delivery.limitNames.provider_rate",
  connection_rate: "delivery.limitNames.connection_rate",
  messages_per_connection: "delivery.limitNames.messages_per_connection",
  recipients_per_transaction: "delivery.limitNames.recipients_per_transaction",
  tls: "delivery.limitNames.tls",
} as const;
