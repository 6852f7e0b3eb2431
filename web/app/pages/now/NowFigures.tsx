// The row of key figures on top of "Now".
import { useTranslation } from "react-i18next";
import { TICKS_MAX, useLive } from "~/api/live";
import type { NowDashboard } from "~/api/types";
import { RateStat } from "~/components/RateStat";
import { useFormat } from "~/hooks/useFormat";
import { Sparkline } from "~/ui/Sparkline";
import { Stat, StatStrip } from "~/ui/Stat";
import { BLOCKED_QUERY } from "~/util/blocked";

export function NowFigures({ data }: { data: NowDashboard }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { ticks } = useLive();
  const last = ticks[ticks.length - 1];
  const queue = last?.queue;
  const { rates, delay } = data;
  const blocked = { hint: t("monitoring.blockedHint"), events: { q: BLOCKED_QUERY, from: data.from, to: data.to } };
  return (
    <StatStrip label={t("monitoring.figures")}>
      <Stat
        label={t("monitoring.throughput")}
        value={last ? format.number(last.live.ten_seconds.delivered / 10, 1) : "–"}
        note={
          last ? t("monitoring.receivedNow", { rate: format.number(last.live.ten_seconds.received / 10, 1) }) : null
        }
        aside={
          <Sparkline
            values={ticks.map((tick) => tick.live.second.delivered)}
            slots={TICKS_MAX}
            width={64}
            height={26}
            color="var(--good)"
          />
        }
      />
      <RateStat label={t("monitoring.acceptRate")} name="delivered" rate={rates.delivered} />
      <RateStat label={t("monitoring.deferRate")} name="deferred" rate={rates.deferred} />
      <RateStat label={t("monitoring.bounceRate")} name="bounced" rate={rates.bounced} />
      <RateStat label={t("monitoring.blockRate")} name="blocked" rate={rates.blocked} {...blocked} />
      <Stat
        label={t("monitoring.inQueue")}
        value={queue ? format.number(queue.scheduled + queue.ready + queue.in_flight) : "–"}
        note={
          queue
            ? t("monitoring.queueNote", { ready: format.number(queue.ready), inFlight: format.number(queue.in_flight) })
            : null
        }
      />
      <Stat
        label={t("monitoring.delayMedian")}
        value={format.duration(delay.p50_s)}
        note={t("monitoring.delayP95", { time: format.duration(delay.p95_s) })}
      />
    </StatStrip>
  );
}
