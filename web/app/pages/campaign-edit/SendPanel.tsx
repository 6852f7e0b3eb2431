// Sends the campaign, after a question that names the size of the audience.
import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { actOnCampaign, campaignQuery } from "~/api/campaigns";
import type { Campaign, CampaignCheck } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Problem } from "~/components/Problem";
import { usePermissions } from "~/components/usePermission";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { Pieces } from "~/ui/Pieces";

export function SendPanel({ campaign, check }: { campaign: Campaign; check: CampaignCheck | undefined }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { campaigns: mayWrite } = usePermissions();
  const [asking, ask] = useDisclosure(false);
  const send = useMutation({
    mutationFn: () => actOnCampaign(campaign.id, "send"),
    onSuccess: async (sending) => {
      client.setQueryData(campaignQuery(campaign.id).queryKey, sending);
      await client.invalidateQueries({ queryKey: ["campaigns"], exact: true });
      await navigate({ to: "/campaigns/$campaignId", params: { campaignId: campaign.id } });
    },
  });
  if (campaign.state !== "draft" || !mayWrite) return null;
  const size = check?.audience.size ?? 0;
  const counted = { count: size };
  const obstacle =
    check && !check.ok ? t("campaigns.sendBlocked") : check && size === 0 ? t("campaigns.sendNobody") : null;
  return (
    <Panel title={t("campaigns.sendPanel")} hint={t("campaigns.sendPanelHint")}>
      {check && !obstacle ? (
        <Text fw={600} mb="sm">
          {t("campaigns.sendCount", counted)}
        </Text>
      ) : null}
      {obstacle ? (
        <Text c="dimmed" mb="sm">
          {obstacle}
        </Text>
      ) : null}
      <Button
        size="sm"
        leftSection={<Icon name="send" size={15} />}
        disabled={!check || obstacle !== null}
        onClick={ask.open}
      >
        {t("campaigns.sendNow")}
      </Button>
      <Confirm
        opened={asking}
        onClose={ask.close}
        title={t("campaigns.sendTitle", { name: campaign.name })}
        confirm={t("campaigns.sendConfirm", counted)}
        busy={send.isPending}
        onConfirm={() => send.mutate()}
      >
        <Text fw={600}>{t("campaigns.sendCount", counted)}</Text>
        <Text size="sm" mt="xs">
          <Pieces pieces={campaign.subject_pieces} />
        </Text>
        <Text size="sm" c="dimmed" mt="xs">
          {t("campaigns.sendWarn")}
        </Text>
        {send.isError ? <Problem error={send.error} /> : null}
      </Confirm>
    </Panel>
  );
}
