// Draws one chart on a canvas; follows size, data and colour scheme. The words for it are given by ChartPanel.
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import { echarts } from "./echarts";
import { makeOption, readPalette } from "./options";
import type { ChartData, ChartForm } from "./types";

export interface ChartProps {
  data: ChartData;
  form: ChartForm;
  height: number;
  /** The values are shares of a whole. */
  percent?: boolean;
  formatValue: (value: number) => string;
  formatAxis: (value: number) => string;
}

export default function Chart({ data, form, height, percent = false, formatValue, formatAxis }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<typeof echarts.init> | null>(null);
  const scheme = useComputedColorScheme("light");

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const instance = echarts.init(element);
    chart.current = instance;
    const observer = new ResizeObserver(() => instance.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      instance.dispose();
      chart.current = null;
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read from the page, which follows the scheme
  useEffect(() => {
    const element = holder.current;
    if (!element || !chart.current) return;
    const font = getComputedStyle(element).fontFamily;
    chart.current.setOption(
      makeOption(data, { form, percent, palette: readPalette(element), font, formatValue, formatAxis }),
      true,
    );
  }, [data, form, percent, formatValue, formatAxis, scheme]);

  return <div ref={holder} style={{ height, width: "100%" }} aria-hidden="true" />;
}
