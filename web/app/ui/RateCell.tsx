// A rate with what it rests on: percent, and below it the 95 % interval; n and words in the tooltip.
import { Tooltip } from "@mantine/core";
import { Dash } from "./Dash";
import classes from "./RateCell.module.css";

export interface RateCellProps {
  /** Null when nothing was observed. */
  shown: string | null;
  between: string;
  /** Said in the tooltip and to screen readers: interval and n. */
  explanation: string;
  /** Makes the number stand out. */
  color?: string | undefined;
}

export function RateCell({ shown, between, explanation, color }: RateCellProps) {
  if (shown === null) return <Dash />;
  return (
    <Tooltip label={explanation}>
      <span className={classes.cell}>
        <span className="num" style={color ? { color, fontWeight: 650 } : undefined}>
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
