// A rate as a key figure: percent, interval, n, and the change when it is certain.
import { useTranslation } from "react-i18next";
import type { Compared } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Stat } from "~/ui/Stat";
import { TextLink } from "./links";
import { type OutcomeName, outcomeTone, useRateText } from "./OutcomeRate";

/** From this share on (with certainty) a bad outcome stands out. */
const STRIKING = 0.05;

export interface RateStatProps {
  label: string;
  name: OutcomeName;
  rate: Compared;
  /** What is counted, in a sentence. */
  hint?: string;
  /** The search for exactly the events that are counted, in the period of the figure. */
  events?: { q: string; from: string; to: string };
}

export function RateStat({ label, name, rate, hint, events }: RateStatProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const { shown, between } = rateText(rate.now);
  const striking = name !== "delivered" && rate.now.low > STRIKING;
  return (
    <Stat
      label={hint ? <span title={hint}>{label}</span> : label}
      value={
        events && rate.now.hits > 0 ? (
          <TextLink to="/monitoring/search" search={{ ...events, range: "own" }} c="inherit" title={hint}>
            {shown}
          </TextLink>
        ) : (
          (shown ?? "–")
        )
      }
      {...(striking ? { tone: outcomeTone[name] } : {})}
      note={
        shown === null ? (
          t("states.none")
        ) : (
          <>
            {between} {t("rate.of", { n: format.number(rate.now.n) })}
            {rate.change === "unclear" ? null : (
              <span style={{ display: "block" }}>
                {rate.change === "up" ? "↑" : "↓"} {t("rate.before", { before: format.percent(rate.before.rate) })}
              </span>
            )}
          </>
        )
      }
    />
  );
}
