// How attempts ended, as one bar.
import { useTranslation } from "react-i18next";
import type { Counts } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { StackBar } from "~/ui/Bars";

export function OutcomeBar({
  outcomes,
  height = 10,
}: {
  outcomes: Pick<Counts, "attempts" | "delivered" | "deferred" | "bounced">;
  height?: number;
}) {
  const { t } = useTranslation();
  const format = useFormat();
  const parts = [
    { label: t("numbers.delivered"), value: outcomes.delivered, tone: "good" as const },
    { label: t("numbers.deferred"), value: outcomes.deferred, tone: "warn" as const },
    { label: t("numbers.bounced"), value: outcomes.bounced, tone: "bad" as const },
  ];
  const label = parts.map((part) => `${part.label} ${format.share(part.value, outcomes.attempts)}`).join(", ");
  return (
    <span style={{ display: "block", minWidth: 110 }}>
      <StackBar parts={parts} total={outcomes.attempts} label={label} height={height} />
    </span>
  );
}
