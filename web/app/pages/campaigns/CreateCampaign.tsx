// The first step of a campaign: name, list, format.
import { Button, Group, Modal, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { createCampaign } from "~/api/campaigns";
import { listsQuery } from "~/api/contacts";
import type { ContentFormat } from "~/api/types";
import { TextLink } from "~/components/links";
import { Problem } from "~/components/Problem";
import { useFormat } from "~/hooks/useFormat";

const FORMATS: ContentFormat[] = ["mjml", "html", "text"];

export function CreateCampaign({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const client = useQueryClient();
  const lists = useQuery(listsQuery);
  const form = useForm({
    initialValues: { name: "", list: null as string | null, format: "mjml" as ContentFormat },
    validate: { name: (value) => (value.trim() ? null : t("errors.required")) },
  });
  const create = useMutation({
    mutationFn: createCampaign,
    onSuccess: async (campaign) => {
      await client.invalidateQueries({ queryKey: ["campaigns"] });
      await navigate({ to: "/campaigns/$campaignId/edit", params: { campaignId: campaign.id } });
    },
  });
  const items = lists.data?.items ?? [];
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("campaigns.createTitle")}
      closeButtonProps={{ "aria-label": t("actions.close") }}
    >
      <form onSubmit={form.onSubmit((values) => create.mutate({ ...values, name: values.name.trim() }))}>
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {t("campaigns.createText")}
          </Text>
          <TextInput
            label={t("campaigns.nameLabel")}
            description={t("campaigns.nameHint")}
            data-autofocus
            {...form.getInputProps("name")}
          />
          <Select
            label={t("campaigns.list")}
            placeholder={t("campaigns.noList")}
            data={items.map((list) => ({ value: list.id, label: `${list.name} (${format.number(list.contacts)})` }))}
            clearable
            clearButtonProps={{ "aria-label": t("actions.remove") }}
            {...form.getInputProps("list")}
          />
          {lists.isSuccess && items.length === 0 ? (
            <Text size="xs" c="dimmed">
              {t("campaigns.noListHint")}{" "}
              <TextLink to="/lists" underline="always">
                {t("campaigns.goLists")}
              </TextLink>
            </Text>
          ) : null}
          <div>
            <Text size="sm" fw={500} mb={4}>
              {t("campaigns.format")}
            </Text>
            <SegmentedControl
              aria-label={t("campaigns.format")}
              data={FORMATS.map((value) => ({ value, label: t(`campaigns.formats.${value}`) }))}
              {...form.getInputProps("format")}
            />
          </div>
          {create.isError ? <Problem error={create.error} /> : null}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" size="sm" onClick={onClose}>
              {t("actions.cancel")}
            </Button>
            <Button type="submit" size="sm" loading={create.isPending}>
              {t("actions.create")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
