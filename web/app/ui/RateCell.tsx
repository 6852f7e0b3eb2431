// A rate with what it rests on: percent, number of observations, 95 % interval as a whisker.
import { Tooltip } from "@mantine/core";
import type { Interval } from "~/util/rate";
import classes from "./RateCell.module.css";
import { type Tone, toneFill } from "./tones";

export interface RateCellProps {
  interval: Interval | null;
  shown: string;
  /** Said in the tooltip and to screen readers: interval and n. */
  explanation: string;
  tone: Tone;
  /** Right end of the scale of the whisker. */
  scale?: number;
  whisker?: boolean;
}

export function RateCell({ interval, shown, explanation, tone, scale = 1, whisker = true }: RateCellProps) {
  if (!interval) return <span className="muted">–</span>;
  return (
    <Tooltip label={explanation}>
      <span className={classes.cell}>
        {whisker ? <Whisker interval={interval} tone={tone} scale={scale} /> : null}
        <span className="num">{shown}</span>
        <span className="visually-hidden">{explanation}</span>
      </span>
    </Tooltip>
  );
}

const WIDTH = 56;

function Whisker({ interval, tone, scale }: { interval: Interval; tone: Tone; scale: number }) {
  const x = (rate: number) => Math.min(1, rate / scale) * WIDTH;
  const low = x(interval.low);
  const color = toneFill(tone);
  return (
    <svg aria-hidden="true" width={WIDTH + 6} height={10} viewBox={`-3 0 ${WIDTH + 6} 10`} className={classes.whisker}>
      <line x1={0} x2={WIDTH} y1={5} y2={5} stroke="var(--border-strong)" />
      <line x1={low} x2={Math.max(x(interval.high), low + 1)} y1={5} y2={5} stroke={color} strokeWidth={4} opacity={0.4} />
      <circle cx={x(interval.rate)} cy={5} r={3} fill={color} />
    </svg>
  );
}
