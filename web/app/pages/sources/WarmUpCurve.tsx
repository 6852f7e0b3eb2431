// The plan against what was accepted, by day of the calendar; the plan goes on behind today as it would if all goes well.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { WarmUpTrack } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import type { ChartData } from "~/charts/types";

/** Days of the plan shown ahead. */
const AHEAD = 3;

export function WarmUpCurve({ track, name }: { track: WarmUpTrack; name: string }) {
  const { t } = useTranslation();
  const data = useMemo<ChartData>(() => {
    const past = track.history.map((day) => ({ label: day.date.slice(5), plan: day.volume, real: day.delivered }));
    const finished = track.state === "finished";
    const today =
      track.date && !finished ? [{ label: track.date.slice(5), plan: track.volume, real: track.today.delivered }] : [];
    const ahead = finished
      ? []
      : track.volumes
          .slice(track.day, track.day + AHEAD)
          .map((volume, index) => ({ label: `+${index + 1}`, plan: volume, real: null }));
    const points = [...past, ...today, ...ahead];
    return {
      labels: points.map((point) => point.label),
      series: [
        { name: t("warmUp.planned"), tone: "accent", values: points.map((point) => point.plan) },
        { name: t("warmUp.accepted"), tone: "good", values: points.map((point) => point.real) },
      ],
    };
  }, [track, t]);
  return (
    <ChartPanel
      title={t("warmUp.curve", { provider: name })}
      hint={t("warmUp.curveHint")}
      data={data}
      form="lines"
      height={220}
      axis={t("warmUp.date")}
    />
  );
}
