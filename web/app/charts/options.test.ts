// Charts of shares end at the whole; where nothing happened there is a gap.
import { expect, it } from "vitest";
import { shareOf } from "~/components/useOutcomeCharts";
import { makeOption, type Palette } from "./options";

const palette: Palette = {
  text: "",
  muted: "",
  line: "",
  surface: "",
  tones: { neutral: "", good: "", warn: "", bad: "", block: "", info: "", accent: "" },
};

type Axis = { min?: number; max?: number; interval?: number; axisLabel: { alignMaxLabel?: string } };

function drawn(values: (number | null)[], percent: boolean) {
  const labels = values.map((_, at) => String(at));
  return makeOption(
    { labels, series: [{ name: "accepted", tone: "good", values }] },
    { form: "lines", percent, palette, font: "", formatValue: String, formatAxis: String },
  ) as { xAxis: Axis; yAxis: Axis; series: { data: unknown[]; symbol: string }[] };
}

it.each([
  [[1, 0.9], { min: 0, max: 1, interval: 0.25 }],
  [[0.6, null], { min: 0, max: 1, interval: 0.25 }],
  [[0.04, 0.01], { min: 0 }],
])("an axis of shares never goes beyond all (%#)", (values, axis) => {
  const { min, max, interval } = drawn(values, true).yAxis;
  expect({ min, max, interval }).toEqual({ max: undefined, interval: undefined, ...axis });
});

it("leaves other axes alone", () => expect(drawn([120, 3], false).yAxis.max).toBeUndefined());

it("keeps the last label of time inside", () => expect(drawn([1], true).xAxis.axisLabel.alignMaxLabel).toBe("right"));

it("draws a gap, and a value between two gaps as a dot", () => {
  const values = [...Array(20).fill(null), 1, null, 1, 1] as (number | null)[];
  const [line] = drawn(values, true).series;
  expect(line?.symbol).toBe("none");
  expect(line?.data.slice(19)).toEqual([null, { value: 1, symbol: "circle" }, null, 1, 1]);
});

it("knows no share where nothing was tried", () => {
  const point = { delivered: 0, deferred: 0, bounced: 0, blocked: 0 };
  expect(shareOf(point, "delivered")).toBeNull();
  expect(shareOf({ ...point, deferred: 4, delivered: 1 }, "delivered")).toBe(0.2);
});
