// The bar that fills while a campaign goes out.
import { useTranslation } from "react-i18next";
import type { CampaignCounts } from "~/api/types";
import { CampaignProgress, finishedOf } from "~/components/CampaignProgress";
import { useFormat } from "~/hooks/useFormat";
import { Panel } from "~/ui/Panel";
import classes from "./ReportPage.module.css";

export function ProgressPanel({ counts }: { counts: CampaignCounts }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Panel>
      <div className={classes.progressHead}>
        <b className="num">{format.share(finishedOf(counts), counts.audience)}</b>
        <span>
          {t("report.progress", { done: format.number(finishedOf(counts)), total: format.number(counts.audience) })}
        </span>
        <span className="muted">
          {t("report.left", { queued: format.number(counts.queued), deferred: format.number(counts.deferred_now) })}
        </span>
      </div>
      <CampaignProgress counts={counts} height={12} />
    </Panel>
  );
}
