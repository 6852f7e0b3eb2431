// The parts of ECharts that are used; loaded when the first chart is drawn.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import * as core from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

core.use([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

export const echarts = core;
