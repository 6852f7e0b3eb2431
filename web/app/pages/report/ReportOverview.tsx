// The numbers of a campaign: figures, funnel, time, providers, bounces, links.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Campaign, CampaignReport } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import { seriesLabels } from "~/components/seriesLabels";
import { useFormat } from "~/hooks/useFormat";
import { Funnel } from "~/ui/Bars";
import { Panel } from "~/ui/Panel";
import { bucketPoints } from "~/util/buckets";
import { CategoryTable } from "./CategoryTable";
import { LinkTable } from "./LinkTable";
import { ReportFigures } from "./ReportFigures";
import classes from "./ReportPage.module.css";
import { ReportProviders } from "./ReportProviders";

export function ReportOverview({ report, campaign }: { report: CampaignReport; campaign: Campaign }) {
  const { t } = useTranslation();
  const format = useFormat();
  const funnel = [
    { label: t("report.funnelSteps.audience"), value: report.audience },
    { label: t("report.funnelSteps.handedOver"), value: report.handed_over },
    { label: t("report.funnelSteps.sent"), value: report.sent },
    { label: t("report.funnelSteps.delivered"), value: report.delivered, tone: "good" as const },
    ...(campaign.track_opens
      ? [{ label: t("report.funnelSteps.opened"), value: report.opens.unique, tone: "info" as const }]
      : []),
    ...(campaign.track_clicks
      ? [{ label: t("report.funnelSteps.clicked"), value: report.clicks.unique, tone: "info" as const }]
      : []),
  ];
  const timeline = useMemo(() => {
    const { points, bucketSeconds } = bucketPoints(report.timeline, [
      "delivered",
      "deferred",
      "bounced",
      "opens",
      "clicks",
    ] as const);
    return {
      bucketSeconds,
      data: {
        labels: seriesLabels(points, format, bucketSeconds),
        series: [
          { name: t("numbers.delivered"), tone: "good" as const, values: points.map((point) => point.delivered) },
          { name: t("numbers.deferred"), tone: "warn" as const, values: points.map((point) => point.deferred) },
          { name: t("numbers.bounced"), tone: "bad" as const, values: points.map((point) => point.bounced) },
          { name: t("numbers.opens"), tone: "info" as const, values: points.map((point) => point.opens) },
          { name: t("numbers.clicks"), tone: "accent" as const, values: points.map((point) => point.clicks) },
        ],
      },
    };
  }, [report.timeline, format, t]);
  return (
    <div className={classes.stack}>
      <ReportFigures report={report} />
      <div className="two-columns">
        <Panel title={t("report.funnel")}>
          <Funnel
            label={t("report.funnel")}
            steps={funnel.map((step) => ({
              ...step,
              shown: format.number(step.value),
              note: format.share(step.value, report.audience),
            }))}
          />
          {report.suppressed > 0 ? (
            <p className={classes.funnelFoot}>{t("report.suppressedNote", { count: report.suppressed })}</p>
          ) : null}
          {report.skips.map(({ reason, count, sample }) => (
            <p key={reason} className={classes.funnelFoot}>
              {reason === ""
                ? t("report.skippedGone", { count })
                : t("report.skippedRefused", { count, reason, sample })}
            </p>
          ))}
        </Panel>
        <ChartPanel
          title={t("report.timeline")}
          hint={t("report.timelineHint", { bucket: format.duration(timeline.bucketSeconds) })}
          axis={t("monitoring.seriesAxis")}
          data={timeline.data}
          form="lines"
          height={208}
        />
      </div>
      <ReportProviders rows={report.by_provider} />
      <div className="two-columns">
        <Panel title={t("report.categories")} hint={t("report.categoriesHint")} flush>
          <CategoryTable rows={report.by_category} campaign={report.campaign} />
        </Panel>
        <Panel title={t("report.links")} flush>
          <LinkTable rows={report.links} />
        </Panel>
      </div>
    </div>
  );
}
