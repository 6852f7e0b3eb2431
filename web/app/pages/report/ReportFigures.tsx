// Key figures of a campaign, each with what it is measured against.
import { useTranslation } from "react-i18next";
import type { CampaignReport } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Stat, StatStrip } from "~/ui/Stat";

export function ReportFigures({ report }: { report: CampaignReport }) {
  const { t } = useTranslation();
  const format = useFormat();
  const failed = report.bounced + report.expired;
  const ofDelivered = t("report.ofDelivered", { n: format.number(report.delivered) });
  return (
    <StatStrip label={t("report.figures")}>
      <Stat
        label={t("report.delivered")}
        value={format.share(report.delivered, report.sent)}
        note={`${format.number(report.delivered)} ${t("report.ofSent", { n: format.number(report.sent) })}`}
      />
      <Stat
        label={t("report.openRate")}
        value={format.share(report.opens.unique, report.delivered)}
        note={`${format.number(report.opens.unique)} · ${t("report.totalTimes", { count: report.opens.total })}`}
      />
      <Stat
        label={t("report.clickRate")}
        value={format.share(report.clicks.unique, report.delivered)}
        note={`${format.number(report.clicks.unique)} · ${t("report.totalTimes", { count: report.clicks.total })}`}
      />
      <Stat
        label={t("report.bounceRate")}
        value={format.share(failed, report.sent)}
        note={`${format.number(failed)} ${t("report.ofSent", { n: format.number(report.sent) })}`}
      />
      <Stat
        label={t("report.complaintRate")}
        value={format.share(report.complaints, report.delivered)}
        note={`${format.number(report.complaints)} ${ofDelivered}`}
      />
      <Stat
        label={t("report.unsubscribeRate")}
        value={format.share(report.unsubscribes, report.delivered)}
        note={`${format.number(report.unsubscribes)} ${ofDelivered}`}
      />
    </StatStrip>
  );
}
