// The share of attempts that ended in one way, with its interval and n.
import { useTranslation } from "react-i18next";
import type { Outcomes } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { RateCell } from "~/ui/RateCell";
import type { Tone } from "~/ui/tones";
import { wilson } from "~/util/rate";

export type OutcomeName = "delivered" | "deferred" | "bounced" | "blocked";

export const outcomeTone: Record<OutcomeName, Tone> = {
  delivered: "good",
  deferred: "warn",
  bounced: "bad",
  blocked: "block",
};

export function useRateText() {
  const { t } = useTranslation();
  const format = useFormat();
  return (hits: number, n: number) => {
    const interval = wilson(hits, n);
    if (!interval) return { interval: null, shown: "–", between: "", explanation: "" };
    const low = format.percent(interval.low);
    const high = format.percent(interval.high);
    const shown = format.percent(interval.rate);
    return {
      interval,
      shown,
      between: t("rate.between", { low, high }),
      explanation: t("rate.explain", { rate: shown, n: format.number(n), low, high }),
    };
  };
}

export function OutcomeRate({ outcomes, name, whisker }: { outcomes: Outcomes; name: OutcomeName; whisker?: boolean }) {
  const rateText = useRateText();
  const { interval, shown, explanation } = rateText(outcomes[name], outcomes.attempts);
  return <RateCell interval={interval} shown={shown} explanation={explanation} tone={outcomeTone[name]} whisker={whisker ?? false} />;
}
