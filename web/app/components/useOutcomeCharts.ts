// Delivered, deferred, bounced over time, in the steps that the program chose for a chart.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { SeriesPoint } from "~/api/types";
import type { ChartData } from "~/charts/types";
import { useFormat } from "~/hooks/useFormat";
import { seriesLabels } from "./seriesLabels";

export interface OutcomeCharts {
  /** Counts of each step. */
  volume: ChartData;
  /** Shares of the attempts of each step. */
  rates: ChartData;
}

type Field = "delivered" | "deferred" | "bounced" | "blocked";

/** The share of the attempts of a step; without attempts there is none, least of all 0 %. */
export function shareOf(point: Pick<SeriesPoint, Field>, field: Field): number | null {
  const attempts = point.delivered + point.deferred + point.bounced;
  return attempts > 0 ? point[field] / attempts : null;
}

export function useOutcomeCharts(series: SeriesPoint[], stepSeconds: number): OutcomeCharts {
  const { t } = useTranslation();
  const format = useFormat();
  return useMemo(() => {
    const labels = seriesLabels(
      series.map((point) => ({ minute: point.at })),
      format,
      stepSeconds,
    );
    const values = (field: Field) => series.map((point) => point[field]);
    const shares = (field: Field) => series.map((point) => shareOf(point, field));
    return {
      volume: {
        labels,
        series: [
          { name: t("numbers.delivered"), tone: "good", values: values("delivered") },
          { name: t("numbers.deferred"), tone: "warn", values: values("deferred") },
          { name: t("numbers.bounced"), tone: "bad", values: values("bounced") },
        ],
      },
      rates: {
        labels,
        series: [
          { name: t("numbers.accepted"), tone: "good", values: shares("delivered") },
          { name: t("numbers.deferred"), tone: "warn", values: shares("deferred") },
          { name: t("numbers.bounced"), tone: "bad", values: shares("bounced") },
          { name: t("numbers.blocked"), tone: "block", values: shares("blocked") },
        ],
      },
    };
  }, [series, stepSeconds, format, t]);
}
