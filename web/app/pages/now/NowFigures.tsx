// The row of key figures on top of "Now".
import { useTranslation } from "react-i18next";
import { TICKS_MAX, useLive } from "~/api/live";
import type { NowDashboard } from "~/api/types";
import { type OutcomeName, outcomeTone, useRateText } from "~/components/OutcomeRate";
import { useFormat } from "~/hooks/useFormat";
import { Sparkline } from "~/ui/Sparkline";
import { Stat, StatStrip } from "~/ui/Stat";

export function NowFigures({ data }: { data: NowDashboard }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rateText = useRateText();
  const { ticks } = useLive();
  const last = ticks[ticks.length - 1];
  const { totals, queue, delay } = data;
  const waiting = queue.scheduled + queue.ready + queue.in_flight;

  const rate = (name: OutcomeName, label: string) => {
    const { interval, shown, between } = rateText(totals[name], totals.attempts);
    const hot = interval !== null && name !== "delivered" && interval.low > 0.05;
    return (
      <Stat
        label={label}
        value={shown}
        {...(hot ? { tone: outcomeTone[name] } : {})}
        note={interval ? `${between} ${t("rate.of", { n: format.number(totals.attempts) })}` : t("states.none")}
      />
    );
  };

  return (
    <StatStrip label={t("monitoring.figures")}>
      <Stat
        label={t("monitoring.throughput")}
        value={last ? format.number(last.rates.delivered) : "–"}
        note={last ? t("monitoring.receivedNow", { rate: format.number(last.rates.received) }) : null}
        aside={
          <Sparkline
            values={ticks.map((tick) => tick.rates.delivered)}
            slots={TICKS_MAX}
            width={64}
            height={26}
            color="var(--good)"
          />
        }
      />
      {rate("delivered", t("monitoring.acceptRate"))}
      {rate("deferred", t("monitoring.deferRate"))}
      {rate("bounced", t("monitoring.bounceRate"))}
      {rate("blocked", t("monitoring.blockRate"))}
      <Stat
        label={t("monitoring.inQueue")}
        value={format.number(waiting)}
        note={waiting > 0 ? t("monitoring.oldest", { age: format.duration(queue.oldest_s) }) : t("states.none")}
      />
      <Stat
        label={t("monitoring.delayMedian")}
        value={format.duration(delay.p50_s)}
        note={t("monitoring.delayP95", { time: format.duration(delay.p95_s) })}
      />
    </StatStrip>
  );
}
