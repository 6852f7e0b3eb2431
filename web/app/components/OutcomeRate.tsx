// The share of attempts that ended in one way: with its interval, n, and whether it certainly changed.
import { useTranslation } from "react-i18next";
import type { Compared, Rate } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { RateCell } from "~/ui/RateCell";
import { type Tone, toneText } from "~/ui/tones";

export type OutcomeName = "delivered" | "deferred" | "bounced" | "blocked";

export const outcomeTone: Record<OutcomeName, Tone> = {
  delivered: "good",
  deferred: "warn",
  bounced: "bad",
  blocked: "block",
};

/** A rate in words: percent, interval, and a sentence with n. */
export function useRateText() {
  const { t } = useTranslation();
  const format = useFormat();
  return (rate: Rate) => {
    if (rate.n === 0) return { shown: null, between: "", explanation: "" };
    const low = format.percent(rate.low);
    const high = format.percent(rate.high);
    const shown = format.percent(rate.rate);
    return {
      shown,
      between: t("rate.between", { low: low.replace(/\s?%$/, ""), high }),
      explanation: t("rate.explain", { rate: shown, n: format.number(rate.n), low, high }),
    };
  };
}

/** From this share on (with certainty) a bad outcome stands out. A matter of looks; alerts have their own rules. */
const STRIKING = 0.03;

export function OutcomeRate({ name, rate }: { name: OutcomeName; rate: Compared }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const { shown, between, explanation } = rateText(rate.now);
  const striking = name !== "delivered" && rate.now.low > STRIKING;
  const change =
    rate.change === "unclear" ? "" : ` ${t(`rate.${rate.change}`, { before: format.percent(rate.before.rate) })}`;
  return (
    <RateCell
      shown={shown}
      between={between}
      explanation={explanation + change}
      arrow={rate.change === "up" ? "↑" : rate.change === "down" ? "↓" : null}
      color={striking ? toneText(outcomeTone[name]) : undefined}
    />
  );
}
