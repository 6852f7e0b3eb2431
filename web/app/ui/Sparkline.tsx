// A small curve without axes. Decorative: the numbers stand beside it.
export interface SparklineProps {
  values: readonly number[];
  width?: number;
  height?: number;
  color?: string;
  /** Fixed top of the scale; else the highest value. */
  max?: number;
  /** Room for so many values: fewer stand at the right end, as in a live curve that has just begun. */
  slots?: number;
}

/** Points of the curve as an SVG path; a curve needs two of them. */
export function sparkPath(values: readonly number[], width: number, height: number, max: number): string {
  if (values.length < 2) return "";
  const top = max > 0 ? max : 1;
  const step = width / (values.length - 1);
  const y = (value: number) => (height - 1 - (Math.min(value, top) / top) * (height - 2)).toFixed(1);
  return values.map((value, index) => `${index === 0 ? "M" : "L"}${(index * step).toFixed(1)},${y(value)}`).join("");
}

export function Sparkline({ values, width = 84, height = 22, color = "var(--accent)", max, slots }: SparklineProps) {
  const top = max ?? Math.max(0, ...values);
  const used = slots && values.length < slots ? (width * Math.max(values.length - 1, 1)) / (slots - 1) : width;
  const left = width - used;
  const line = sparkPath(values, used, height, top);
  return (
    <svg aria-hidden="true" width={width} height={height} viewBox={`0 0 ${width} ${height}`} style={{ flex: "none" }}>
      <g transform={`translate(${left.toFixed(1)} 0)`}>
        {line ? <path d={`${line}L${used},${height}L0,${height}Z`} fill={color} opacity={0.14} /> : null}
        <path d={line} fill="none" stroke={color} strokeWidth={1.4} strokeLinejoin="round" />
      </g>
    </svg>
  );
}
