// Writes a campaign: content with preview, settings, check and send. The tab stands in the address.
import { Button, Tabs } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { campaignQuery, changeCampaign, readCampaign } from "~/api/campaigns";
import type { Campaign, CampaignInput } from "~/api/types";
import { Confirm } from "~/components/Confirm";
import { Gone } from "~/components/Gone";
import { Loaded } from "~/components/Loaded";
import { LinkButton, TextLink } from "~/components/links";
import { CampaignStateTag } from "~/components/StateTags";
import { usePermissions } from "~/components/usePermission";
import { useToast } from "~/components/useToast";
import { useVersionedSave } from "~/components/useVersionedSave";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { looksLikeAddress } from "~/util/address";
import { EDIT_TABS } from "~/util/states";
import { CheckTab } from "./CheckTab";
import { ContentTab } from "./ContentTab";
import { SettingsTab } from "./SettingsTab";

export function CampaignEditPage() {
  const { campaignId } = useParams({ from: "/app/campaigns/$campaignId/edit" });
  const query = useQuery({ ...campaignQuery(campaignId), refetchOnWindowFocus: false });
  return (
    <Loaded query={query} lines={14} gone={<Gone what="campaign" />}>
      {(campaign) => <Editing key={campaign.id} campaign={campaign} />}
    </Loaded>
  );
}

function inputOf(campaign: Campaign): CampaignInput {
  const {
    name,
    subject,
    preheader,
    from_name,
    from_address,
    reply_to,
    list,
    format,
    body,
    text,
    stream,
    pool,
    track_opens,
    track_clicks,
  } = campaign;
  return {
    name,
    subject,
    preheader,
    from_name,
    from_address,
    reply_to,
    list,
    format,
    body,
    text,
    stream,
    pool,
    track_opens,
    track_clicks,
  };
}

function Editing({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const { tab = "content" } = useSearch({ from: "/app/campaigns/$campaignId/edit" });
  const navigate = useNavigate({ from: "/campaigns/$campaignId/edit" });
  const [previewContact, setPreviewContact] = useState<string | null>(null);
  const readOnly = !usePermissions().campaigns || campaign.state !== "draft";
  const form = useForm<CampaignInput>({
    initialValues: inputOf(campaign),
    validate: {
      name: (value) => (value.trim() ? null : t("errors.required")),
      from_address: (value) => (value === "" || looksLikeAddress(value) ? null : t("errors.address")),
      reply_to: (value) => (value === "" || looksLikeAddress(value) ? null : t("errors.address")),
    },
  });
  const save = useVersionedSave({
    form,
    current: campaign,
    valuesOf: inputOf,
    send: (change) => changeCampaign(campaign.id, change),
    read: () => readCampaign(campaign.id),
    onKnown: (known, by) => {
      client.setQueryData(campaignQuery(campaign.id).queryKey, known);
      void client.invalidateQueries({ queryKey: ["campaigns"], exact: true });
      if (by === "saved") toast.done(t("campaigns.saved"));
    },
    onError: toast.failed,
    label: (part) => t(`campaigns.parts.${part as keyof CampaignInput}`),
  });
  const dirty = form.isDirty();
  const submit = () => {
    const { hasErrors } = form.validate();
    if (hasErrors) navigate({ search: { tab: "settings" } });
    else if (!readOnly) save.submit();
  };
  useSaveKey(submit);
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && !readOnly && current.pathname !== next.pathname,
    enableBeforeUnload: () => dirty && !readOnly,
    withResolver: true,
  });

  return (
    <Page
      title={form.values.name || campaign.name}
      trail={<TextLink to="/campaigns">{t("campaigns.trail")}</TextLink>}
      badge={<CampaignStateTag state={campaign.state} />}
      meta={
        readOnly ? (
          <span>{t("campaigns.readOnly")}</span>
        ) : (
          <span>{t(dirty ? "campaigns.unsaved" : "campaigns.allSaved")}</span>
        )
      }
      actions={
        campaign.state === "draft" ? (
          <Button
            leftSection={<Icon name="check" size={14} />}
            onClick={submit}
            loading={save.busy}
            disabled={!dirty || readOnly}
          >
            {t("campaigns.save")}
          </Button>
        ) : (
          <LinkButton to="/campaigns/$campaignId" params={{ campaignId: campaign.id }} variant="default">
            {t("campaigns.report")}
          </LinkButton>
        )
      }
    >
      <Tabs
        value={tab}
        onChange={(value) => navigate({ search: { tab: EDIT_TABS.find((known) => known === value) }, replace: true })}
      >
        <Tabs.List mb="md">
          {EDIT_TABS.map((value) => (
            <Tabs.Tab key={value} value={value}>
              {t(`campaigns.tabs.${value}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="content">
          <ContentTab form={form} readOnly={readOnly} contact={previewContact} onContact={setPreviewContact} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <SettingsTab form={form} campaign={campaign} readOnly={readOnly} />
        </Tabs.Panel>
        <Tabs.Panel value="check">
          <CheckTab campaign={campaign} dirty={dirty} />
        </Tabs.Panel>
      </Tabs>
      {save.dialog}
      <Confirm
        opened={blocker.status === "blocked"}
        onClose={() => blocker.reset?.()}
        title={t("campaigns.leaveTitle")}
        confirm={t("campaigns.leave")}
        danger
        onConfirm={() => blocker.proceed?.()}
      >
        {t("campaigns.leaveText")}
      </Confirm>
    </Page>
  );
}

function useSaveKey(save: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        save();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [save]);
}
