// What is being recorded: whose dialogues, the time left, how many so far and the last of them; can be ended.
import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { endRecording, recordingsQuery } from "~/api/delivery";
import type { Recording } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { TextLink } from "./links";
import { Problem } from "./Problem";
import { subjectText } from "./RecordButton";
import { usePermissions } from "./usePermission";
import { useToast } from "./useToast";

/** Dialogues that are linked from the table. */
const SHOWN = 3;

export function RecordingsPanel() {
  const { t } = useTranslation();
  const format = useFormat();
  const query = useQuery(recordingsQuery);
  const columns = useMemo<Column<Recording>[]>(
    () => [
      {
        id: "subject",
        header: t("recording.whose"),
        grow: true,
        primary: true,
        cell: (row) => <span className="mono">{subjectText(row.about)}</span>,
      },
      {
        id: "left",
        header: t("recording.left"),
        cell: (row) => format.duration(Math.max(0, (Date.parse(row.until) - Date.now()) / 1000)),
      },
      {
        id: "taken",
        header: t("recording.taken"),
        cell: (row) => t("recording.takenOf", { taken: format.number(row.taken), most: format.number(row.count_max) }),
      },
      { id: "latest", header: t("recording.latest"), wide: true, cell: (row) => <Latest recording={row} /> },
      { id: "reason", header: t("queueMail.reason"), wide: true, cell: (row) => row.reason || "–" },
      { id: "by", header: t("delivery.setBy"), cell: (row) => row.by },
      { id: "end", header: t("table.actions"), primary: true, cell: (row) => <EndButton recording={row} /> },
    ],
    [t, format],
  );
  if (query.isError) return <Problem error={query.error} retry={query.refetch} />;
  const rows = query.data?.items ?? [];
  if (rows.length === 0) return null;
  return (
    <Panel title={t("recording.listTitle")} hint={t("recording.listHint")} flush>
      <DataTable
        caption={t("recording.listTitle")}
        columns={columns}
        rows={rows}
        rowKey={(row) => String(row.id)}
        small="cards"
      />
    </Panel>
  );
}

function Latest({ recording }: { recording: Recording }) {
  const latest = (recording.latest ?? []).slice(0, SHOWN);
  if (latest.length === 0) return "–";
  return latest.map((id) => (
    <span key={id}>
      <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: id }} className="mono">
        {id}
      </TextLink>{" "}
    </span>
  ));
}

function EndButton({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const { delivery } = usePermissions();
  const run = useMutation({
    mutationFn: () => endRecording(recording.id),
    onSuccess: async () => {
      toast.done(t("recording.ended", { subject: subjectText(recording.about) }));
      await client.invalidateQueries({ queryKey: ["transcripts"] });
    },
    onError: (error) => toast.failed(error),
  });
  if (!delivery) return null;
  return (
    <Button
      variant="default"
      size="compact-sm"
      leftSection={<Icon name="pause" size={14} />}
      loading={run.isPending}
      onClick={() => run.mutate()}
    >
      {t("recording.end")}
    </Button>
  );
}
