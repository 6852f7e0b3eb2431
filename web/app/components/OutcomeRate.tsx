// The share of attempts that ended in one way, with its interval and n.
import { useTranslation } from "react-i18next";
import type { Outcomes } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { RateCell } from "~/ui/RateCell";
import { type Tone, toneText } from "~/ui/tones";
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
      between: t("rate.between", { low: low.replace(/\s?%$/, ""), high }),
      explanation: t("rate.explain", { rate: shown, n: format.number(n), low, high }),
    };
  };
}

/** From this share on (with certainty) a bad outcome stands out. A matter of looks; alerts have their own rules. */
const STRIKING = 0.03;

export function OutcomeRate({ outcomes, name }: { outcomes: Outcomes; name: OutcomeName }) {
  const rateText = useRateText();
  const { interval, shown, between, explanation } = rateText(outcomes[name], outcomes.attempts);
  const striking = name !== "delivered" && interval !== null && interval.low > STRIKING;
  return (
    <RateCell
      shown={interval ? shown : null}
      between={between}
      explanation={explanation}
      color={striking ? toneText(outcomeTone[name]) : undefined}
    />
  );
}
