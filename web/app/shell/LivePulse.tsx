// The pulse of the house in the top bar: delivered per second and the size of the queue, live.
import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { TICKS_MAX, useLive } from "~/api/live";
import { useFormat } from "~/hooks/useFormat";
import { Sparkline } from "~/ui/Sparkline";
import classes from "./LivePulse.module.css";

export function LivePulse() {
  const { t } = useTranslation();
  const format = useFormat();
  const { connected, lostAt, ticks } = useLive();
  const last = ticks[ticks.length - 1];
  if (lostAt !== null)
    return (
      <span className={classes.pulse} data-off>
        <span className={classes.dot} />
        {t("live.lost")}
      </span>
    );
  if (!last) return <span className={classes.gap} />;
  const queued = last.queue ? last.queue.scheduled + last.queue.ready + last.queue.in_flight : null;
  return (
    <Tooltip label={connected ? t("live.title") : t("states.offlineHint")}>
      <span className={classes.pulse} data-off={!connected || undefined}>
        <span className={classes.dot} />
        <Sparkline values={ticks.map((tick) => tick.live.second.delivered)} slots={TICKS_MAX} width={64} height={18} />
        <span className="num">{t("live.rate", { rate: format.number(last.live.ten_seconds.delivered / 10) })}</span>
        {queued === null ? null : <span className={`num ${classes.queue}`}>{t("live.queue", { count: queued })}</span>}
      </span>
    </Tooltip>
  );
}
