// How a campaign is doing: live while it is being sent, for the record afterwards.
import { Button, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Navigate, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { campaignQuery, reportPdfUrl, reportQuery } from "~/api/campaigns";
import { useTick } from "~/api/live";
import type { Campaign, CampaignCounts, CampaignReport } from "~/api/types";
import { Gone } from "~/components/Gone";
import { Loaded } from "~/components/Loaded";
import { LinkButton, TextLink } from "~/components/links";
import { CampaignStateTag } from "~/components/StateTags";
import { useCampaignsSettled } from "~/hooks/useCampaignsSettled";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Pieces } from "~/ui/Pieces";
import { ErrorState } from "~/ui/States";
import { REPORT_TABS } from "~/util/states";
import { CampaignActions } from "./CampaignActions";
import { ProgressPanel } from "./ProgressPanel";
import { RecipientsTab } from "./RecipientsTab";
import { ReportOverview } from "./ReportOverview";

export function ReportPage() {
  const { campaignId } = useParams({ from: "/app/campaigns/$campaignId" });
  const query = useQuery(campaignQuery(campaignId));
  return (
    <Loaded query={query} lines={14} gone={<Gone what="campaign" />}>
      {(campaign) =>
        campaign.state === "draft" ? (
          <Navigate to="/campaigns/$campaignId/edit" params={{ campaignId }} replace />
        ) : (
          <Report campaign={campaign} />
        )
      }
    </Loaded>
  );
}

function countsOf({ opens, clicks, ...report }: CampaignReport): CampaignCounts {
  return { ...report, opens: opens.unique, clicks: clicks.unique };
}

function Report({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { tab = "overview", status } = useSearch({ from: "/app/campaigns/$campaignId" });
  const navigate = useNavigate({ from: "/campaigns/$campaignId" });
  const tick = useTick();
  useCampaignsSettled();
  const live = tick?.campaigns.find((entry) => entry.id === campaign.id);
  const state = live?.state ?? campaign.state;
  const moving = state === "sending" || (live?.counts.queued ?? campaign.counts?.queued ?? 0) > 0;
  const report = useQuery(reportQuery(campaign.id, moving));
  // One source for the whole page: the bar must not run ahead of the figures below it.
  const latest = live?.counts ?? campaign.counts;
  const counts = latest && report.data ? countsOf(report.data) : latest;
  const current = { ...campaign, state, counts };
  return (
    <Page
      title={campaign.name}
      trail={<TextLink to="/campaigns">{t("campaigns.trail")}</TextLink>}
      badge={<CampaignStateTag state={state} />}
      meta={
        <>
          <span title={campaign.subject}>
            <Pieces pieces={campaign.subject_pieces} />
          </span>
          {campaign.started_at ? (
            <span>
              {t("report.started", { time: format.time(campaign.started_at) })}
              {campaign.finished_at ? `, ${t("report.finished", { time: format.time(campaign.finished_at) })}` : ""}
            </span>
          ) : null}
        </>
      }
      actions={
        <>
          <CampaignActions campaign={current} skipped={report.data?.skipped ?? 0} />
          <LinkButton to="/campaigns/$campaignId/edit" params={{ campaignId: campaign.id }} variant="default">
            {t("report.view")}
          </LinkButton>
          <Button
            component="a"
            href={reportPdfUrl(campaign.id)}
            download
            variant="default"
            leftSection={<Icon name="download" size={14} />}
          >
            {t("report.pdf")}
          </Button>
        </>
      }
    >
      {campaign.trouble && state === "paused" ? (
        <ErrorState title={t("report.trouble")}>{campaign.trouble}</ErrorState>
      ) : null}
      {counts && state !== "sent" ? <ProgressPanel counts={counts} /> : null}
      <Tabs
        value={tab}
        onChange={(value) =>
          navigate({
            search: (before) => ({ ...before, tab: REPORT_TABS.find((known) => known === value) }),
            replace: true,
          })
        }
      >
        <Tabs.List mb="md">
          {REPORT_TABS.map((value) => (
            <Tabs.Tab key={value} value={value}>
              {t(`report.tabs.${value}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Loaded query={report} lines={12}>
            {(data) => <ReportOverview report={data} campaign={current} />}
          </Loaded>
        </Tabs.Panel>
        <Tabs.Panel value="recipients">
          <RecipientsTab
            campaignId={campaign.id}
            status={status ?? null}
            onStatus={(value) =>
              navigate({ search: (before) => ({ ...before, status: value ?? undefined }), replace: true })
            }
          />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
