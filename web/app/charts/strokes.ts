// How the lines of a chart are drawn: a stroke for each tone, so that they are told apart without their colours. Lengths of
// dashes and gaps in pixels; nothing = one line.
import type { Tone } from "~/ui/tones";

export const STROKES: Record<Tone, readonly number[]> = {
  good: [],
  neutral: [],
  warn: [7, 3],
  bad: [2, 2],
  block: [8, 3, 2, 3],
  info: [12, 4],
  accent: [4, 4],
};
