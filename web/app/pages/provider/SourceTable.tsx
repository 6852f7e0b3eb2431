// One provider, split by the virtual MTA the mail left from, with what slows it there now.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { queuesQuery } from "~/api/delivery";
import type { QueuePath, SourceRow } from "~/api/types";
import { ThrottleNote } from "~/components/ThrottleNote";
import { useRateColumns } from "~/components/useRateColumns";
import { type Column, DataTable } from "~/table/DataTable";
import { EmptyState } from "~/ui/States";

export function SourceTable({ provider, rows }: { provider: string; rows: SourceRow[] }) {
  const { t } = useTranslation();
  const queues = useQuery({ ...queuesQuery, retry: false });
  const measures = useRateColumns<SourceRow>();
  const slowed = useMemo(() => slowedPaths(queues.data?.paths ?? [], provider), [queues.data, provider]);
  const columns = useMemo<Column<SourceRow>[]>(
    () => [
      {
        id: "source",
        header: t("numbers.source"),
        primary: true,
        sort: (row) => row.source ?? "",
        cell: (row) => <b>{row.source ?? t("states.unknown")}</b>,
      },
      ...measures,
      {
        id: "limit",
        header: t("monitoring.limit"),
        grow: true,
        primary: true,
        cell: (row) => {
          const path = slowed.get(row.source ?? "");
          return path?.throttle ? (
            <ThrottleNote throttle={path.throttle} limits={path.limits} />
          ) : (
            <span className="muted">{t("monitoring.noLimit")}</span>
          );
        },
      },
    ],
    [t, measures, slowed],
  );
  return (
    <DataTable
      caption={t("monitoring.bySource")}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.source ?? ""}
      small="cards"
      initialSort={{ id: "attempts", desc: true }}
      empty={<EmptyState icon="source" title={t("monitoring.quietTitle")} />}
    />
  );
}

/** The first slowed path of each source towards this provider. */
function slowedPaths(paths: QueuePath[], provider: string): Map<string, QueuePath> {
  const slowed = new Map<string, QueuePath>();
  for (const path of paths) {
    if (path.provider === provider && path.throttle && !slowed.has(path.source)) slowed.set(path.source, path);
  }
  return slowed;
}
