// What a chart of the house shows: categories or moments along the axis, and some series.
import type { Tone } from "~/ui/tones";

export interface ChartSeries {
  name: string;
  tone: Tone;
  /** Null where there is nothing to tell: a gap, not a zero. */
  values: (number | null)[];
}

export interface ChartData {
  /** One label per value, as shown on the axis. */
  labels: string[];
  series: ChartSeries[];
}

export type ChartForm = "bars" | "area" | "lines" | "stacked-rows";
