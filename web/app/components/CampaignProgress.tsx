// How far a campaign is: finished recipients by outcome, the rest still to come.
import { useTranslation } from "react-i18next";
import type { CampaignCounts } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { StackBar } from "~/ui/Bars";

export function finishedOf(counts: CampaignCounts): number {
  return counts.delivered + counts.bounced + counts.expired + counts.suppressed;
}

export function CampaignProgress({ counts, height = 8 }: { counts: CampaignCounts; height?: number }) {
  const { t } = useTranslation();
  const format = useFormat();
  const label = [
    t("campaigns.progressOf", { done: format.number(finishedOf(counts)), total: format.number(counts.audience) }),
    `${t("numbers.delivered")} ${format.number(counts.delivered)}`,
    `${t("numbers.bounced")} ${format.number(counts.bounced)}`,
    `${t("numbers.expired")} ${format.number(counts.expired)}`,
    `${t("numbers.deferred")} ${format.number(counts.deferred_now)}`,
  ].join(", ");
  return (
    <StackBar
      label={label}
      total={counts.audience}
      height={height}
      parts={[
        { label: t("numbers.delivered"), value: counts.delivered, tone: "good" },
        { label: t("numbers.bounced"), value: counts.bounced, tone: "bad" },
        { label: t("numbers.expired"), value: counts.expired, tone: "block" },
        { label: t("recipientState.suppressed"), value: counts.suppressed, tone: "neutral" },
        { label: t("numbers.deferred"), value: counts.deferred_now, tone: "warn" },
      ]}
    />
  );
}
