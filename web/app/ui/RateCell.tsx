// A rate with what it rests on: percent, and below it the 95 % interval; n and words in the tooltip.
import { Tooltip } from "@mantine/core";
import { Dash } from "./Dash";
import classes from "./RateCell.module.css";

export interface RateCellProps {
  /** Null when nothing was observed. */
  shown: string | null;
  between: string;
  /** Said in the tooltip and to screen readers: interval, n, change. */
  explanation: string;
  /** Up or down since the period before, when that is certain. */
  arrow?: string | null;
  /** Makes the number stand out. */
  color?: string | undefined;
}

export function RateCell({ shown, between, explanation, arrow = null, color }: RateCellProps) {
  if (shown === null) return <Dash />;
  return (
    <Tooltip label={explanation}>
      <span className={classes.cell}>
        <span className="num" style={color ? { color, fontWeight: 650 } : undefined}>
          {arrow ? (
            <span className={classes.arrow} aria-hidden="true">
              {arrow}
            </span>
          ) : null}
          {shown}
        </span>
        <span className={classes.between} aria-hidden="true">
          {between}
        </span>
        <span className="visually-hidden">{explanation}</span>
      </span>
    </Tooltip>
  );
}
