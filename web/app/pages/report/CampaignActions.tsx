// Pause, resume, cancel: each asks first and says what it means.
import { Button, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { actOnCampaign, campaignQuery } from "~/api/campaigns";
import type { Campaign } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";
import { Icon } from "~/ui/Icon";

type Action = "pause" | "resume" | "cancel";
const ICONS = { pause: "pause", resume: "play", cancel: "stop" } as const;

export function CampaignActions({ campaign, skipped }: { campaign: Campaign; skipped: number }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const { campaigns: mayWrite } = usePermissions();
  const [action, setAction] = useState<Action | null>(null);
  const run = useMutation({
    mutationFn: (wanted: Action) => actOnCampaign(campaign.id, wanted),
    onSuccess: async (changed, wanted) => {
      client.setQueryData(campaignQuery(campaign.id).queryKey, changed);
      await client.invalidateQueries({ queryKey: ["campaigns"] });
      toast.done(t(`campaigns.actionDone.${wanted}`));
      setAction(null);
    },
  });
  const possible: Action[] =
    campaign.state === "sending" ? ["pause", "cancel"] : campaign.state === "paused" ? ["resume", "cancel"] : [];
  if (!mayWrite || possible.length === 0) return null;
  // Those put off are among the queued; who was not handed over yet waits too.
  const { audience = 0, handed_over = 0, queued = 0 } = campaign.counts ?? {};
  const waiting = queued + Math.max(0, audience - handed_over - skipped);
  return (
    <>
      {possible.map((wanted) => (
        <Button
          key={wanted}
          variant={wanted === "resume" ? "filled" : "default"}
          leftSection={<Icon name={ICONS[wanted]} size={14} />}
          onClick={() => setAction(wanted)}
        >
          {t(`campaigns.actions.${wanted}`)}
        </Button>
      ))}
      {action ? (
        <Confirm
          opened
          onClose={() => setAction(null)}
          title={t(`campaigns.actionTitle.${action}`, { name: campaign.name })}
          confirm={t(`campaigns.actions.${action}`)}
          stay={t(`campaigns.stay.${action}`)}
          danger={action === "cancel"}
          busy={run.isPending}
          onConfirm={() => run.mutate(action)}
        >
          <Text size="sm">{t(`campaigns.actionText.${action}`)}</Text>
          <Text size="sm" fw={600} mt="xs">
            {t("campaigns.waiting", { count: waiting })}
          </Text>
          {run.isError ? <Problem error={run.error} /> : null}
        </Confirm>
      ) : null}
    </>
  );
}
