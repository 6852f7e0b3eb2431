// A small curve without axes. Decorative: the numbers stand beside it.
export interface SparklineProps {
  values: readonly number[];
  width?: number;
  height?: number;
  color?: string;
  /** Fixed top of the scale; else the highest value. */
  max?: number;
}

/** Points of the curve as an SVG path; one value is drawn as a level line. */
export function sparkPath(values: readonly number[], width: number, height: number, max: number): string {
  if (values.length === 0) return "";
  const top = max > 0 ? max : 1;
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const y = (value: number) => (height - 1 - (Math.min(value, top) / top) * (height - 2)).toFixed(1);
  const points = values.length === 1 ? [values[0] ?? 0, values[0] ?? 0] : values;
  return points.map((value, index) => `${index === 0 ? "M" : "L"}${(index * step).toFixed(1)},${y(value)}`).join("");
}

export function Sparkline({ values, width = 84, height = 22, color = "var(--accent)", max }: SparklineProps) {
  const top = max ?? Math.max(0, ...values);
  const line = sparkPath(values, width, height, top);
  return (
    <svg aria-hidden="true" width={width} height={height} viewBox={`0 0 ${width} ${height}`} style={{ flex: "none" }}>
      {line ? <path d={`${line}L${width},${height}L0,${height}Z`} fill={color} opacity={0.12} /> : null}
      <path d={line} fill="none" stroke={color} strokeWidth={1.4} strokeLinejoin="round" />
    </svg>
  );
}
