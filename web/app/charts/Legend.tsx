// Names the colours of a chart; a series can be taken out of sight and back.
import { toneFill } from "~/ui/tones";
import classes from "./Legend.module.css";
import type { ChartSeries } from "./types";

export interface LegendProps {
  series: ChartSeries[];
  hidden: ReadonlySet<string>;
  onToggle: (name: string) => void;
}

export function Legend({ series, hidden, onToggle }: LegendProps) {
  return (
    <div className={classes.legend}>
      {series.map((entry) => (
        <button
          key={entry.name}
          type="button"
          aria-pressed={!hidden.has(entry.name)}
          onClick={() => onToggle(entry.name)}
        >
          <span style={{ background: hidden.has(entry.name) ? "var(--border-strong)" : toneFill(entry.tone) }} />
          {entry.name}
        </button>
      ))}
    </div>
  );
}
