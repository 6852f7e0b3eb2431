// A small word on a soft ground: states, kinds, categories.
import type { ReactNode } from "react";
import classes from "./Tag.module.css";
import { type Tone, toneFill, toneSoft, toneText } from "./tones";

export interface TagProps {
  tone?: Tone;
  /** A dot before the word; `live` makes it breathe. */
  dot?: boolean | "live";
  children: ReactNode;
  title?: string | undefined;
}

export function Tag({ tone = "neutral", dot = false, children, title }: TagProps) {
  return (
    <span className={classes.tag} style={{ background: toneSoft(tone), color: toneText(tone) }} title={title}>
      {dot ? (
        <span className={classes.dot} data-live={dot === "live" || undefined} style={{ background: toneFill(tone) }} />
      ) : null}
      {children}
    </span>
  );
}
