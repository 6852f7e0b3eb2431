// Formats bound to the language of the page.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import * as format from "~/util/format";

export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.language;
  return useMemo(
    () => ({
      language,
      number: (value: number, digits?: number) => format.formatNumber(language, value, digits),
      compact: (value: number) => format.formatCompact(language, value),
      percent: (rate: number | null) => (rate === null ? "–" : format.formatPercent(language, rate)),
      percentAxis: (rate: number) => format.formatPercentAxis(language, rate),
      share: (part: number, whole: number) => {
        const rate = format.share(part, whole);
        return rate === null ? "–" : format.formatPercent(language, rate);
      },
      duration: (seconds: number | null) => (seconds === null ? "–" : format.formatDuration(language, seconds)),
      millis: (ms: number) => format.formatMillis(language, ms),
      bytes: (bytes: number) => format.formatBytes(language, bytes),
      time: (at: string, seconds?: boolean) => format.formatTime(language, at, new Date(), seconds),
      clock: (at: string | number, seconds?: boolean) => format.formatClock(language, at, seconds),
      full: (at: string) => format.formatFull(language, at),
      day: (at: string) => format.formatDay(language, at),
      relative: (at: string) => format.formatRelative(language, at, new Date()),
    }),
    [language],
  );
}

export type Format = ReturnType<typeof useFormat>;
