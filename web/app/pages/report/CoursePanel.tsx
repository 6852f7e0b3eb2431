// How something went over time: the step follows from the time it took; a stretch can be chosen when most of it is short.
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CampaignReport } from "~/api/types";
import { ChartPanel } from "~/charts/ChartPanel";
import { useFormat } from "~/hooks/useFormat";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import type { Tone } from "~/ui/tones";
import { course, type Stretch, stretches } from "~/util/moments";

type Field = "delivered" | "deferred" | "bounced" | "expired" | "opens" | "clicks" | "automatic";

export interface CourseSeries {
  field: Field;
  name: string;
  tone: Tone;
}

export interface CoursePanelProps {
  title: string;
  timeline: CampaignReport["timeline"];
  series: CourseSeries[];
  /** Said when nothing of it has happened. */
  nothing: string;
}

export function CoursePanel({ title, timeline, series, nothing }: CoursePanelProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const fields = useMemo(() => series.map((entry) => entry.field), [series]);
  const [chosen, choose] = useState<Stretch | null>(null);
  const known = useMemo(() => stretches(timeline, fields), [timeline, fields]);
  const stretch = chosen !== null && known.choices.includes(chosen) ? chosen : known.first;
  const { points, stepSeconds } = useMemo(() => course(timeline, fields, stretch), [timeline, fields, stretch]);
  const data = useMemo(() => {
    const long = stepSeconds * points.length > 36 * 3600;
    const label = (at: string) => (long ? format.time(at) : format.clock(at, stepSeconds < 60));
    return {
      labels: points.map((point) => label(point.at)),
      series: series.map(({ field, name, tone }) => ({ name, tone, values: points.map((point) => point[field]) })),
    };
  }, [points, stepSeconds, series, format]);
  if (points.length === 0)
    return (
      <Panel title={title}>
        <EmptyState icon="chart" title={nothing} />
      </Panel>
    );
  return (
    <ChartPanel
      title={title}
      hint={t("report.per", { step: format.duration(stepSeconds) })}
      axis={t("table.time")}
      data={data}
      form="lines"
      height={208}
      actions={
        known.choices.length > 1 ? (
          <SegmentedControl
            size="xs"
            aria-label={t("report.stretch", { name: title })}
            value={String(stretch)}
            onChange={(value) => choose(known.choices.find((choice) => String(choice) === value) ?? null)}
            data={known.choices.map((choice) => ({
              value: String(choice),
              label: choice === "all" ? t("report.wholeTime") : format.duration(choice),
            }))}
          />
        ) : undefined
      }
    />
  );
}
