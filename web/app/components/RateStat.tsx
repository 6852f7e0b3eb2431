// A rate as a key figure: percent, interval, n, and the change when it is certain.
import { useTranslation } from "react-i18next";
import type { Compared } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Stat } from "~/ui/Stat";
import { type OutcomeName, outcomeTone, useRateText } from "./OutcomeRate";

/** From this share on (with certainty) a bad outcome stands out. */
const STRIKING = 0.05;

export function RateStat({ label, name, rate }: { label: string; name: OutcomeName; rate: Compared }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const { shown, between } = rateText(rate.now);
  const striking = name !== "delivered" && rate.now.low > STRIKING;
  return (
    <Stat
      label={label}
      value={shown ?? "–"}
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
