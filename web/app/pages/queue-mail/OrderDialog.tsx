// One order about many recipients: what it will do, whom it concerns (counted by the program), why; then it is given.
import { Checkbox, NumberInput, Select, Text, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { giveBulkOrder, poolsQuery, sourcesQuery } from "~/api/delivery";
import type { BulkOrder } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { filterOf } from "~/util/queue-filter";
import type { OrderAction } from "./OrderMenu";
import classes from "./QueueMail.module.css";

export interface OrderDialogProps {
  action: OrderAction;
  filter: string;
  onClose: () => void;
}

export function OrderDialog({ action, filter, onClose }: OrderDialogProps) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const [way, setWay] = useState<string | null>(null);
  const [priority, setPriority] = useState<number>(50);
  const [notify, setNotify] = useState(false);
  const [kind, name] = way?.split("/", 2) ?? [];
  const order: BulkOrder = {
    action,
    filter: filterOf(filter),
    everything: filter === "",
    ...(action === "reroute" && kind && name ? { [kind]: name } : {}),
    ...(action === "prioritise" ? { priority } : {}),
    ...(action === "cancel" || action === "expire" ? { notify } : {}),
  };
  const complete = action !== "reroute" || way !== null;
  const preview = useQuery({
    queryKey: ["bulk", order],
    queryFn: () => giveBulkOrder({ ...order, dry_run: true }),
    enabled: complete,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const run = useMutation({
    mutationFn: () => giveBulkOrder({ ...order, reason, dry_run: false }),
    onSuccess: async (result) => {
      toast.done(t("delivery.controlDone", { count: result.affected }));
      await client.invalidateQueries();
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`queueMail.orders.${action}.question`)}
      confirm={t(`queueMail.orders.${action}.name`)}
      stay={t("queueMail.leave")}
      danger={action === "cancel" || action === "expire"}
      busy={run.isPending}
      disabled={!preview.isSuccess || preview.data.affected === 0}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t(`queueMail.orders.${action}.text`)}</Text>
      <p className={classes.whom}>{filter || t("queueMail.everything")}</p>
      {action === "reroute" ? <WaySelect value={way} onChange={setWay} /> : null}
      {action === "prioritise" ? (
        <NumberInput
          mt="sm"
          label={t("queueMail.priority")}
          description={t("queueMail.priorityHint")}
          min={0}
          max={100}
          clampBehavior="strict"
          value={priority}
          onChange={(value) => setPriority(Number(value) || 0)}
        />
      ) : null}
      {action === "cancel" || action === "expire" ? (
        <Checkbox
          mt="sm"
          label={t("queueMail.notify")}
          checked={notify}
          onChange={(event) => setNotify(event.currentTarget.checked)}
        />
      ) : null}
      <Textarea
        mt="sm"
        label={t("queueMail.reason")}
        description={t("queueMail.reasonHint")}
        autosize
        minRows={1}
        maxRows={4}
        maxLength={500}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {complete ? <Concerned preview={preview} /> : null}
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}

function WaySelect({ value, onChange }: { value: string | null; onChange: (value: string | null) => void }) {
  const { t } = useTranslation();
  const pools = useQuery(poolsQuery);
  const sources = useQuery(sourcesQuery);
  const options = (kind: string, names: string[] | undefined) =>
    (names ?? []).map((name) => ({ value: `${kind}/${name}`, label: name }));
  return (
    <Select
      mt="sm"
      label={t("queueMail.to")}
      placeholder={t("queueMail.toHint")}
      data={[
        {
          group: t("delivery.pools"),
          items: options(
            "pool",
            pools.data?.items.map((pool) => pool.name),
          ),
        },
        {
          group: t("delivery.sourcesTitle"),
          items: options(
            "source",
            sources.data?.items.map((source) => source.name),
          ),
        },
      ]}
      value={value}
      onChange={onChange}
      searchable
    />
  );
}

interface Preview {
  isError: boolean;
  isPending: boolean;
  error: unknown;
  data:
    | { affected: number; in_flight: number; groups: { domains: { name: string; recipients: number }[] } }
    | undefined;
}

function Concerned({ preview }: { preview: Preview }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (preview.isError) return <Problem error={preview.error} />;
  const { affected = 0, in_flight = 0, groups } = preview.data ?? {};
  const domains = groups?.domains.slice(0, 3).map((group) => `${group.name} ${format.number(group.recipients)}`) ?? [];
  return (
    <div aria-live="polite">
      <Text size="sm" fw={600} mt="sm">
        {preview.isPending ? t("delivery.affectsCount") : t("delivery.affects", { count: affected })}
      </Text>
      {domains.length > 0 ? (
        <Text size="xs" c="dimmed">
          {domains.join(" · ")}
        </Text>
      ) : null}
      {in_flight > 0 ? (
        <Text size="xs" c="dimmed">
          {t("queueMail.inFlightNote", { count: in_flight })}
        </Text>
      ) : null}
    </div>
  );
}
