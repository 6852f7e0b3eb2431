// The numbers of a campaign: figures, funnel, time, providers, failures, links.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Campaign, CampaignReport } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Funnel, type FunnelStep } from "~/ui/Bars";
import { Panel } from "~/ui/Panel";
import type { Tone } from "~/ui/tones";
import { CategoryTable } from "./CategoryTable";
import { CoursePanel, type CourseSeries } from "./CoursePanel";
import { LinkTable } from "./LinkTable";
import { ReportFigures } from "./ReportFigures";
import classes from "./ReportPage.module.css";
import { ReportProviders } from "./ReportProviders";

interface OverviewProps {
  report: CampaignReport;
  campaign: Campaign;
}

export function ReportOverview({ report, campaign }: OverviewProps) {
  const { t } = useTranslation();
  const { delivery, reactions } = useSeries(campaign);
  return (
    <div className={classes.stack}>
      <ReportFigures report={report} campaign={campaign} />
      <div className="two-columns">
        <CoursePanel
          title={t("report.timeline")}
          timeline={report.timeline}
          series={delivery}
          nothing={t("report.noTimeline")}
        />
        {reactions.length > 0 ? (
          <CoursePanel
            title={t("report.reactionsTimeline")}
            timeline={report.timeline}
            series={reactions}
            nothing={t("report.noReactions")}
          />
        ) : null}
      </div>
      <ReportProviders rows={report.by_provider} />
      <div className="two-columns">
        <FunnelPanel report={report} campaign={campaign} />
        <Panel title={t("report.links")} hint={t("report.linksHint")} flush>
          <LinkTable rows={report.links} counted={campaign.track_clicks} />
        </Panel>
      </div>
      <Panel title={t("report.categories")} hint={t("report.categoriesHint")} flush>
        <CategoryTable rows={report.by_category} campaign={report.campaign} waiting={report.sent === 0} />
      </Panel>
    </div>
  );
}

/** What is drawn of the delivery, and of the reactions that are counted. */
function useSeries(campaign: Campaign): { delivery: CourseSeries[]; reactions: CourseSeries[] } {
  const { t } = useTranslation();
  const { track_opens: opens, track_clicks: clicks } = campaign;
  return useMemo(
    () => ({
      delivery: [
        { field: "delivered", name: t("numbers.delivered"), tone: "good" },
        { field: "deferred", name: t("numbers.deferred"), tone: "warn" },
        { field: "bounced", name: t("numbers.bounced"), tone: "bad" },
        { field: "expired", name: t("numbers.expired"), tone: "block" },
      ],
      reactions: [
        ...(opens ? [{ field: "opens" as const, name: t("report.opensByPeople"), tone: "info" as const }] : []),
        ...(clicks ? [{ field: "clicks" as const, name: t("report.clicksByPeople"), tone: "accent" as const }] : []),
        ...(opens || clicks
          ? [{ field: "automatic" as const, name: t("report.automaticSeries"), tone: "neutral" as const }]
          : []),
      ],
    }),
    [t, opens, clicks],
  );
}

const STEP_TONES = {
  audience: "accent",
  sent: "accent",
  delivered: "good",
  opened: "info",
  clicked: "info",
} as const satisfies Record<string, Tone>;
type StepName = keyof typeof STEP_TONES;

function FunnelPanel({ report, campaign }: OverviewProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const step = (name: StepName, value: number, note = ""): FunnelStep => ({
    label: t(`report.funnelSteps.${name}`),
    value,
    shown: format.number(value),
    note,
    tone: STEP_TONES[name],
  });
  const ofDelivered = (part: number) => t("report.shareOfDelivered", { share: format.share(part, report.delivered) });
  const steps = [
    step("audience", report.audience),
    step("sent", report.sent, t("report.ofAudience", { share: format.share(report.sent, report.audience) })),
    step("delivered", report.delivered, t("report.ofSent", { share: format.share(report.delivered, report.sent) })),
    ...(campaign.track_opens ? [step("opened", report.opens.unique, ofDelivered(report.opens.unique))] : []),
    ...(campaign.track_clicks ? [step("clicked", report.clicks.unique, ofDelivered(report.clicks.unique))] : []),
  ];
  return (
    <Panel title={t("report.funnel")}>
      <Funnel label={t("report.funnel")} steps={steps} />
      {report.suppressed > 0 ? (
        <p className={classes.funnelFoot}>{t("report.suppressedNote", { count: report.suppressed })}</p>
      ) : null}
      {report.skips.map(({ reason, count, sample }) => (
        <p key={reason} className={classes.funnelFoot}>
          {reason === "" ? t("report.skippedGone", { count }) : t("report.skippedRefused", { count, reason, sample })}
        </p>
      ))}
    </Panel>
  );
}
