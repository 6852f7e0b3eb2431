// Numbers, rates, durations, sizes and times as people of a language write them.

const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

function numberFormat(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(language === "fr" ? "fr-FR" : "en-GB", options);
    numbers.set(key, format);
  }
  return format;
}

function dateFormat(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = dates.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(language === "fr" ? "fr-FR" : "en-GB", options);
    dates.set(key, format);
  }
  return format;
}

export function formatNumber(language: string, value: number, digits = 0): string {
  return numberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** 12 300 → 12.3k: for axes and tight places. */
export function formatCompact(language: string, value: number): string {
  return numberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A rate in 0..1 as percent. Small ones keep two digits, so that 0.04 % is not 0 %. */
export function formatPercent(language: string, rate: number): string {
  const size = Math.abs(rate);
  const digits = size === 0 || size >= 0.9995 ? 0 : size < 0.01 ? 2 : 1;
  return numberFormat(language, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(rate);
}

/** Without digits behind the comma: for axes. */
export function formatPercentAxis(language: string, rate: number): string {
  return numberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(rate);
}

/** Share of a whole, or null when there is no whole. */
export function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** 0.4 s · 12 s · 3 min 20 s · 2 h 05 min · 3 d 4 h. Units read the same in both languages but for days. */
export function formatDuration(language: string, seconds: number): string {
  const day = language === "fr" ? "j" : "d";
  if (seconds < 1) return `${formatNumber(language, seconds, 2)} s`;
  if (seconds < 10) return `${formatNumber(language, seconds, 1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return join(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86_400) return join(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return join(Math.floor(s / 86_400), day, Math.floor((s % 86_400) / 3600), "h");
}

function join(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

export function formatMillis(language: string, ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : formatDuration(language, ms / 1000);
}

export function formatBytes(language: string, bytes: number): string {
  const unit = language === "fr" ? "o" : "B";
  if (bytes < 1000) return `${formatNumber(language, bytes)} ${unit}`;
  if (bytes < 1_000_000) return `${formatNumber(language, bytes / 1000, 1)} k${unit}`;
  return `${formatNumber(language, bytes / 1_000_000, 1)} M${unit}`;
}

/** 14:05 today, else 23 Nov 14:05, with the year when it is another one. */
export function formatTime(language: string, at: string, now: Date, seconds = false): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  if (date.toDateString() === now.toDateString()) {
    return formatClock(language, at, seconds);
  }
  const year = date.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return dateFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...year }).format(
    date,
  );
}

export function formatClock(language: string, at: string | number, seconds = false): string {
  return dateFormat(language, { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }).format(
    new Date(at),
  );
}

export function formatFull(language: string, at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  return dateFormat(language, { dateStyle: "full", timeStyle: "long" }).format(date);
}

export function formatDay(language: string, at: string): string {
  return dateFormat(language, { day: "numeric", month: "short", year: "numeric" }).format(new Date(at));
}

/** "3 minutes ago", "in 20 seconds". */
export function formatRelative(language: string, at: string, now: Date): string {
  const seconds = (new Date(at).getTime() - now.getTime()) / 1000;
  const size = Math.abs(seconds);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  if (size < 60) return format.format(Math.round(seconds), "second");
  if (size < 3600) return format.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}
