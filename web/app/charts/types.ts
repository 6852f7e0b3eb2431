// What a chart of the house shows: categories or moments along the axis, and some series.
import type { Tone } from "~/ui/tones";

export interface ChartSeries {
  name: string;
  tone: Tone;
  values: number[];
}

export interface ChartData {
  /** One label per value, as shown on the axis. */
  labels: string[];
  series: ChartSeries[];
}

export type ChartForm = "bars" | "area" | "lines" | "stacked-rows";
