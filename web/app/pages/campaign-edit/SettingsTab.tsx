// Everything about a campaign but its content.
import {
  Button,
  Checkbox,
  Fieldset,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { deleteCampaign } from "~/api/campaigns";
import { listsQuery } from "~/api/contacts";
import { poolsQuery } from "~/api/delivery";
import type { Campaign, CampaignInput, ContentFormat } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { TextLink } from "~/components/links";
import { useToast } from "~/components/useToast";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";

const FORMATS: ContentFormat[] = ["mjml", "html", "text"];

interface SettingsTabProps {
  form: UseFormReturnType<CampaignInput>;
  campaign: Campaign;
  readOnly: boolean;
}

export function SettingsTab({ form, campaign, readOnly }: SettingsTabProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const lists = useQuery(listsQuery);
  const pools = useQuery({ ...poolsQuery, retry: false });
  const listItems = lists.data?.items ?? [];
  const poolNames = new Set([form.values.pool, ...(pools.data?.items ?? []).map((pool) => pool.name)].filter(Boolean));
  return (
    <div className="two-columns">
      <Panel>
        <Stack gap="md">
          <TextInput
            label={t("campaigns.nameLabel")}
            description={t("campaigns.nameHint")}
            readOnly={readOnly}
            {...form.getInputProps("name")}
          />
          <Select
            label={t("campaigns.list")}
            description={t("campaigns.listHint")}
            placeholder={t("campaigns.noList")}
            data={listItems.map((list) => ({
              value: list.id,
              label: `${list.name} (${format.number(list.contacts)})`,
            }))}
            readOnly={readOnly}
            clearable
            clearButtonProps={{ "aria-label": t("actions.remove") }}
            {...form.getInputProps("list")}
          />
          {lists.isSuccess && listItems.length === 0 ? (
            <Text size="xs" c="dimmed">
              {t("campaigns.noListHint")}{" "}
              <TextLink to="/lists" underline="always">
                {t("campaigns.goLists")}
              </TextLink>
            </Text>
          ) : null}
          <div>
            <Text size="sm" fw={500}>
              {t("campaigns.format")}
            </Text>
            <Text size="xs" c="dimmed" mb={6}>
              {t("campaigns.formatHint")}
            </Text>
            <SegmentedControl
              aria-label={t("campaigns.format")}
              disabled={readOnly}
              data={FORMATS.map((value) => ({ value, label: t(`campaigns.formats.${value}`) }))}
              {...form.getInputProps("format")}
            />
          </div>
          <Fieldset legend={t("campaigns.tracking")} variant="unstyled">
            <Stack gap="sm" mt={6}>
              <Checkbox
                label={t("campaigns.trackOpens")}
                description={t("campaigns.trackOpensHint")}
                disabled={readOnly}
                {...form.getInputProps("track_opens", { type: "checkbox" })}
              />
              <Checkbox
                label={t("campaigns.trackClicks")}
                description={t("campaigns.trackClicksHint")}
                disabled={readOnly}
                {...form.getInputProps("track_clicks", { type: "checkbox" })}
              />
            </Stack>
          </Fieldset>
        </Stack>
      </Panel>
      <Panel>
        <Stack gap="md">
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <TextInput label={t("campaigns.fromName")} readOnly={readOnly} {...form.getInputProps("from_name")} />
            <TextInput
              label={t("campaigns.fromAddress")}
              type="email"
              readOnly={readOnly}
              {...form.getInputProps("from_address")}
            />
          </SimpleGrid>
          <Text size="xs" c="dimmed" mt={-8}>
            {t("campaigns.fromHint")}
          </Text>
          <TextInput
            label={t("campaigns.replyTo")}
            description={t("campaigns.replyToHint")}
            type="email"
            readOnly={readOnly}
            {...form.getInputProps("reply_to")}
          />
          <TextInput
            label={t("campaigns.stream")}
            description={t("campaigns.streamHint")}
            readOnly={readOnly}
            {...form.getInputProps("stream")}
          />
          <Select
            label={t("campaigns.pool")}
            description={t("campaigns.poolHint")}
            data={[...poolNames]}
            readOnly={readOnly}
            {...form.getInputProps("pool")}
          />
          {campaign.state === "draft" && !readOnly ? <DeleteButton campaign={campaign} /> : null}
        </Stack>
      </Panel>
    </div>
  );
}

function DeleteButton({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const toast = useToast();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asking, ask] = useDisclosure(false);
  const erase = useMutation({
    mutationFn: () => deleteCampaign(campaign.id),
    onSuccess: async () => {
      toast.done(t("campaigns.deleted"));
      await navigate({ to: "/campaigns", ignoreBlocker: true });
      await client.invalidateQueries({ queryKey: ["campaigns"] });
    },
    onError: toast.failed,
  });
  return (
    <div>
      <Button variant="subtle" color="red" leftSection={<Icon name="trash" size={14} />} onClick={ask.open}>
        {t("campaigns.delete")}
      </Button>
      <Confirm
        opened={asking}
        onClose={ask.close}
        title={t("campaigns.deleteTitle", { name: campaign.name })}
        confirm={t("actions.delete")}
        danger
        busy={erase.isPending}
        onConfirm={() => erase.mutate()}
      >
        {t("campaigns.deleteText")}
      </Confirm>
    </div>
  );
}
