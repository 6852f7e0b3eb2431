// Tones carry meaning, never alone: a word always stands beside them.
export type Tone = "neutral" | "good" | "warn" | "bad" | "block" | "info" | "accent";

const VARIABLES: Record<Tone, string> = {
  neutral: "idle",
  good: "good",
  warn: "warn",
  bad: "bad",
  block: "block",
  info: "info",
  accent: "accent",
};

export function toneFill(tone: Tone): string {
  return `var(--${VARIABLES[tone]})`;
}

export function toneText(tone: Tone): string {
  return tone === "neutral" ? "var(--muted)" : `var(--${VARIABLES[tone]}-text)`;
}

export function toneSoft(tone: Tone): string {
  return tone === "neutral" ? "var(--sunken)" : `var(--${VARIABLES[tone]}-soft)`;
}
