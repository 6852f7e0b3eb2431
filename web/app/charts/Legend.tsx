// Names the colours of a chart; a series can be taken out of sight and back.
import { toneFill } from "~/ui/tones";
import classes from "./Legend.module.css";
import { STROKES } from "./strokes";
import type { ChartForm, ChartSeries } from "./types";

export interface LegendProps {
  series: ChartSeries[];
  form: ChartForm;
  hidden: ReadonlySet<string>;
  onToggle: (name: string) => void;
}

export function Legend({ series, form, hidden, onToggle }: LegendProps) {
  return (
    <div className={classes.legend}>
      {series.map((entry) => (
        <button
          key={entry.name}
          type="button"
          aria-pressed={!hidden.has(entry.name)}
          onClick={() => onToggle(entry.name)}
        >
          <Mark entry={entry} form={form} off={hidden.has(entry.name)} />
          {entry.name}
        </button>
      ))}
    </div>
  );
}

/** A square for bars, a piece of the line for lines. */
function Mark({ entry, form, off }: { entry: ChartSeries; form: ChartForm; off: boolean }) {
  const color = off ? "var(--border-strong)" : toneFill(entry.tone);
  if (form !== "lines") return <span style={{ background: color }} />;
  return (
    <svg width="26" height="10" aria-hidden="true">
      <line
        x1="0"
        y1="5"
        x2="26"
        y2="5"
        stroke={color}
        strokeWidth="2"
        strokeDasharray={STROKES[entry.tone].join(" ")}
      />
    </svg>
  );
}
