// Horizontal bars: progress with several parts, and the funnel.
import type { ReactNode } from "react";
import classes from "./Bars.module.css";
import { type Tone, toneFill } from "./tones";

export interface BarPart {
  label: string;
  value: number;
  tone: Tone;
}

export interface StackBarProps {
  parts: BarPart[];
  /** The whole; what the parts do not fill stays empty. */
  total: number;
  /** Says the parts in words. */
  label: string;
  height?: number;
}

export function StackBar({ parts, total, label, height = 8 }: StackBarProps) {
  const whole = Math.max(total, 1);
  return (
    <div className={classes.stack} style={{ height }} role="img" aria-label={label}>
      {parts.map((part) =>
        part.value > 0 ? (
          <span
            key={part.label}
            style={{ width: `${(part.value / whole) * 100}%`, background: toneFill(part.tone) }}
            title={part.label}
          />
        ) : null,
      )}
    </div>
  );
}

export interface ProgressProps {
  value: number;
  max: number;
  label: string;
  tone?: Tone;
  active?: boolean;
}

export function Progress({ value, max, label, tone = "accent", active = false }: ProgressProps) {
  const rate = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div
      className={classes.stack}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
      style={{ height: 8 }}
    >
      {rate > 0 ? (
        <span
          className={classes.fill}
          data-active={active || undefined}
          style={{ width: `${rate * 100}%`, background: toneFill(tone) }}
        />
      ) : null}
    </div>
  );
}

export interface FunnelStep {
  label: ReactNode;
  value: number;
  shown: ReactNode;
  note?: ReactNode;
  tone?: Tone;
}

/** Steps from top to bottom, each bar measured against the first. */
export function Funnel({ steps, label }: { steps: FunnelStep[]; label: string }) {
  const whole = Math.max(1, steps[0]?.value ?? 1);
  return (
    <ol className={classes.funnel} aria-label={label}>
      {steps.map((step, index) => (
        <li key={index} className={classes.step}>
          <span className={classes.stepLabel}>{step.label}</span>
          <span className={classes.stepBar} aria-hidden="true">
            <span style={{ width: `${(step.value / whole) * 100}%`, background: toneFill(step.tone ?? "accent") }} />
          </span>
          <span className={classes.stepValue}>
            <b className="num">{step.shown}</b> <span className={classes.stepNote}>{step.note}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
