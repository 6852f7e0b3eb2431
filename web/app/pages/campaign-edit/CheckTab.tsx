// The last look before sending: errors, variables, audience; a test mail; the button that sends.
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { checkCampaign } from "~/api/campaigns";
import type { Campaign, CampaignCheck } from "~/api/types";
import { Loaded } from "~/components/Loaded";
import { useFormat } from "~/hooks/useFormat";
import { Funnel } from "~/ui/Bars";
import { Icon } from "~/ui/Icon";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { CheckIssues } from "./CheckIssues";
import { SendPanel } from "./SendPanel";
import { TestPanel } from "./TestPanel";
import { UndefinedVariables } from "./UndefinedVariables";

export function CheckTab({ campaign, dirty }: { campaign: Campaign; dirty: boolean }) {
  const { t } = useTranslation();
  const check = useQuery({
    queryKey: ["campaigns", campaign.id, "check"],
    queryFn: () => checkCampaign(campaign.id),
    enabled: !dirty,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  if (dirty) {
    return (
      <Panel>
        <EmptyState icon="edit" title={t("campaigns.unsaved")}>
          {t("campaigns.check.stale")}
        </EmptyState>
      </Panel>
    );
  }
  return (
    <div className="two-columns">
      <Panel
        title={t("campaigns.check.title")}
        actions={
          <Button
            variant="default"
            leftSection={<Icon name="refresh" size={14} />}
            onClick={() => check.refetch()}
            loading={check.isFetching}
          >
            {t("campaigns.check.run")}
          </Button>
        }
      >
        <Loaded query={check}>{(result) => <CheckResult result={result} />}</Loaded>
      </Panel>
      <div style={{ display: "flex", flexDirection: "column", gap: 16, minWidth: 0 }}>
        <TestPanel campaign={campaign} />
        <SendPanel campaign={campaign} check={check.data} />
      </div>
    </div>
  );
}

/** Above this size Gmail shows only the beginning of a mail. */
const CLIPPED_BYTES = 102_000;

function CheckResult({ result }: { result: CampaignCheck }) {
  const { t } = useTranslation();
  const format = useFormat();
  const whole = result.audience.steps[0]?.contacts ?? 0;
  const stepName = (step: string) =>
    step === "on-list" || step === "subscribed" || step === "not-suppressed"
      ? t(`campaigns.check.steps.${step}`)
      : step;
  return (
    <>
      <CheckIssues result={result} />
      <h3 style={{ margin: "20px 0 8px", fontSize: "0.8125rem" }}>{t("campaigns.check.funnel")}</h3>
      <Funnel
        label={t("campaigns.check.funnel")}
        steps={result.audience.steps.map((step) => ({
          label: stepName(step.step),
          value: step.contacts,
          shown: format.number(step.contacts),
          note: format.share(step.contacts, whole),
        }))}
      />
      <UndefinedVariables entries={result.undefined} />
      <p className="muted" style={{ margin: "16px 0 0", fontSize: "0.8125rem" }}>
        {t("campaigns.check.size")}: {format.bytes(result.size_bytes)}
        {result.size_bytes > CLIPPED_BYTES ? ` – ${t("campaigns.check.sizeClipped")}` : ""}
      </p>
    </>
  );
}
