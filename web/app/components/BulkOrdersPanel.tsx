// Orders about many recipients that are in force or still at work: whom, why, by whom, how far; holds can be ended.
import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { bulkOrdersQuery, giveBulkOrder } from "~/api/delivery";
import type { BulkEntry } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Progress } from "~/ui/Bars";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { Tag } from "~/ui/Tag";
import { TextLink } from "./links";
import { Problem } from "./Problem";
import { Time } from "./Time";
import { usePermissions } from "./usePermission";
import { useToast } from "./useToast";

export function BulkOrdersPanel() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(bulkOrdersQuery);
  const columns = useMemo<Column<BulkEntry>[]>(
    () => [
      {
        id: "filter",
        header: t("queueMail.whom"),
        grow: true,
        primary: true,
        cell: (row) => (
          <TextLink
            to="/delivery/mail"
            search={{ filter: row.filter === "everything" ? undefined : row.filter }}
            className="mono"
          >
            {row.filter === "everything" ? t("queueMail.everything") : row.filter}
          </TextLink>
        ),
      },
      {
        id: "action",
        header: t("delivery.controlAction"),
        cell: (row) => (
          <Tag tone={row.action === "hold" ? "warn" : "info"} dot={row.at_work ? "live" : false}>
            {row.action === "release" ? t("delivery.actions.release") : t(`queueMail.orders.${row.action}.name`)}
            {row.value ? ` → ${row.value}` : ""}
          </Tag>
        ),
      },
      {
        id: "progress",
        header: t("queueMail.progress"),
        cell: (row) =>
          row.at_work ? (
            <Progress value={row.done} max={row.affected} active label={t("queueMail.progress")} />
          ) : (
            format.number(row.affected)
          ),
      },
      { id: "reason", header: t("queueMail.reason"), wide: true, cell: (row) => row.reason || "–" },
      { id: "by", header: t("delivery.setBy"), cell: (row) => row.by },
      { id: "since", header: t("delivery.since"), cell: (row) => <Time at={row.since} relative /> },
      {
        id: "end",
        header: t("table.actions"),
        primary: true,
        cell: (row) => (row.action === "hold" ? <ReleaseButton order={row.order} /> : null),
      },
    ],
    [t, format],
  );
  if (query.isError) return <Problem error={query.error} retry={query.refetch} />;
  const rows = query.data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Panel title={t("queueMail.ordersTitle")} hint={t("queueMail.ordersHint")} flush>
      <DataTable
        caption={t("queueMail.ordersTitle")}
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.order)}
        small="cards"
      />
    </Panel>
  );
}

function ReleaseButton({ order }: { order: number }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const { delivery } = usePermissions();
  const run = useMutation({
    mutationFn: () => giveBulkOrder({ action: "release", hold: order }),
    onSuccess: async (result) => {
      toast.done(t("delivery.controlDone", { count: result.affected }));
      await client.invalidateQueries();
    },
    onError: (error) => toast.failed(error),
  });
  if (!delivery) return null;
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<Icon name="play" size={14} />}
      loading={run.isPending}
      onClick={() => run.mutate()}
    >
      {t("delivery.actions.release")}
    </Button>
  );
}
