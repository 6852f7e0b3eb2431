// Key figures in a row: a label, a number, a line of context.
import type { ReactNode } from "react";
import classes from "./Stat.module.css";
import { type Tone, toneText } from "./tones";

export function StatStrip({ children, label }: { children: ReactNode; label: string }) {
  return (
    <dl className={classes.strip} aria-label={label}>
      {children}
    </dl>
  );
}

export interface StatProps {
  label: ReactNode;
  value: ReactNode;
  /** Under the number: absolute count, interval, n. */
  note?: ReactNode;
  tone?: Tone;
  /** A small curve beside the number. */
  aside?: ReactNode;
}

export function Stat({ label, value, note, tone, aside }: StatProps) {
  return (
    <div className={classes.stat}>
      <dt className={classes.label}>{label}</dt>
      <dd className={classes.value}>
        <span className="num" style={tone ? { color: toneText(tone) } : undefined}>
          {value}
        </span>
        {aside}
      </dd>
      {note ? <dd className={classes.note}>{note}</dd> : null}
    </div>
  );
}
