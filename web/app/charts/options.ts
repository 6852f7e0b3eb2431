// ECharts options from chart data, in the colours of the page.
import type { EChartsCoreOption } from "echarts/core";
import type { Tone } from "~/ui/tones";
import { STROKES } from "./strokes";
import type { ChartData, ChartForm, ChartSeries } from "./types";

export interface Palette {
  text: string;
  muted: string;
  line: string;
  surface: string;
  tones: Record<Tone, string>;
}

/** Reads the tokens as they are now (light or dark). */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const value = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: value("--text"),
    muted: value("--muted"),
    line: value("--border"),
    surface: value("--surface"),
    tones: {
      neutral: value("--idle"),
      good: value("--good"),
      warn: value("--warn"),
      bad: value("--bad"),
      block: value("--block"),
      info: value("--info"),
      accent: value("--accent"),
    },
  };
}

/** A value between two gaps: a line has nothing to lead to, so it is drawn as a dot. */
function standsAlone(values: (number | null)[], at: number): boolean {
  const gap = (place: number) => values[place] === undefined || values[place] === null;
  return !gap(at) && gap(at - 1) && gap(at + 1);
}

/** From this share on the axis ends at the whole: left alone it would go on to 120 %. */
const NEARLY_ALL = 0.5;

function shareAxis(series: ChartSeries[]) {
  const most = Math.max(0, ...series.flatMap((entry) => entry.values.map((value) => value ?? 0)));
  return most > NEARLY_ALL ? { min: 0, max: 1, interval: 0.25 } : { min: 0 };
}

function seriesOption(series: ChartSeries, form: ChartForm, palette: Palette) {
  const color = palette.tones[series.tone];
  if (form === "lines" || form === "area") {
    const dashes = form === "lines" ? STROKES[series.tone] : [];
    return {
      name: series.name,
      type: "line",
      data: series.values.map((value, at) => (standsAlone(series.values, at) ? { value, symbol: "circle" } : value)),
      showSymbol: true,
      symbol: series.values.length < 12 ? "circle" : "none",
      symbolSize: 5,
      lineStyle: { width: form === "lines" ? 1.8 : 1.2, color, ...(dashes.length > 0 ? { type: [...dashes] } : {}) },
      itemStyle: { color },
      ...(form === "area" ? { stack: "all", areaStyle: { color, opacity: 0.75 } } : {}),
    };
  }
  return {
    name: series.name,
    type: "bar",
    stack: "all",
    data: series.values,
    itemStyle: { color },
    barCategoryGap: form === "stacked-rows" ? "38%" : "22%",
    barMaxWidth: form === "stacked-rows" ? 16 : 24,
  };
}

export interface OptionSettings {
  form: ChartForm;
  /** The values are shares of a whole. */
  percent?: boolean;
  palette: Palette;
  font: string;
  formatValue: (value: number) => string;
  formatAxis: (value: number) => string;
}

export function makeOption(data: ChartData, settings: OptionSettings): EChartsCoreOption {
  const { form, percent, palette, font, formatValue, formatAxis } = settings;
  const rows = form === "stacked-rows";
  const text = { color: palette.muted, fontFamily: font, fontSize: 11 };
  const categories = {
    type: "category",
    data: data.labels,
    inverse: rows,
    boundaryGap: form === "bars" || rows,
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: false },
    axisLabel: { ...text, hideOverlap: true, ...(rows ? { color: palette.text } : { alignMaxLabel: "right" }) },
  };
  const values = {
    type: "value",
    axisLabel: { ...text, formatter: formatAxis, hideOverlap: true },
    splitLine: { lineStyle: { color: palette.line } },
    minInterval: rows || form === "lines" ? 0 : 1,
    splitNumber: 4,
    ...(percent ? shareAxis(data.series) : {}),
  };
  return {
    animation: false,
    textStyle: { fontFamily: font },
    grid: { left: 4, right: rows ? 12 : 28, top: 10, bottom: 2, containLabel: true },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: form === "bars" || rows ? "shadow" : "line" },
      backgroundColor: palette.surface,
      borderColor: palette.line,
      textStyle: { color: palette.text, fontFamily: font, fontSize: 12 },
      valueFormatter: (value: unknown) => (typeof value === "number" ? formatValue(value) : ""),
      confine: true,
    },
    xAxis: rows ? values : categories,
    yAxis: rows ? categories : values,
    series: data.series.map((series) => seriesOption(series, form, palette)),
  };
}
