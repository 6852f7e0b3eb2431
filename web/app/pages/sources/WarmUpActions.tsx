// Orders about a plan: pause, resume, finish, set the day. Each asks first.
import { Button, Group, NumberInput, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { orderWarmUp } from "~/api/delivery";
import type { WarmUp, WarmUpOrder } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";

type Action = WarmUpOrder["action"];

export function WarmUpActions({ plan }: { plan: WarmUp }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [asked, setAsked] = useState<Action | null>(null);
  if (!delivery) return null;
  const actions: Action[] = plan.paused_by || plan.finished ? ["resume", "set-day"] : ["pause", "set-day", "finish"];
  return (
    <Group gap="xs">
      {actions.map((action) => (
        <Button key={action} variant="default" size="compact-sm" onClick={() => setAsked(action)}>
          {t(`warmUp.actions.${action}`)}
        </Button>
      ))}
      {asked ? <Question plan={plan} action={asked} onClose={() => setAsked(null)} /> : null}
    </Group>
  );
}

function Question({ plan, action, onClose }: { plan: WarmUp; action: Action; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const [day, setDay] = useState<number | string>(plan.tracks[0]?.day ?? 1);
  const last = Math.max(1, ...plan.tracks.map((track) => track.volumes.length));
  const run = useMutation({
    mutationFn: () => orderWarmUp(plan.source, { action, day: action === "set-day" ? Number(day) : null }),
    onSuccess: async () => {
      toast.done(t(`warmUp.done.${action}`, { source: plan.source, day }));
      await client.invalidateQueries({ queryKey: ["warm-ups"] });
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`warmUp.questions.${action}`, { source: plan.source })}
      confirm={t(`warmUp.actions.${action}`)}
      danger={action === "finish"}
      busy={run.isPending}
      disabled={action === "set-day" && !(Number(day) >= 1)}
      onConfirm={() => run.mutate()}
    >
      <Text size="sm">{t(`warmUp.texts.${action}`)}</Text>
      {action === "set-day" ? (
        <NumberInput mt="sm" label={t("warmUp.planDay")} min={1} max={last} value={day} onChange={setDay} />
      ) : null}
      {run.isError ? <Problem error={run.error} /> : null}
    </Confirm>
  );
}
