import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatDuration,
  formatMillis,
  formatNumber,
  formatPercent,
  formatRelative,
  formatTime,
  share,
} from "./format";

/** Narrow and non-breaking spaces as plain ones: they differ between versions of ICU. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("numbers", () => {
  it.each([
    ["en", 0.986, "98.6%"],
    ["en", 0.0004, "0.04%"],
    ["en", 1, "100%"],
    ["en", 0, "0%"],
    ["fr", 0.986, "98,6 %"],
  ])("%s %d", (language, rate, shown) => expect(plain(formatPercent(language, rate))).toBe(shown));

  it("groups thousands as the language does", () => {
    expect(plain(formatNumber("en", 20412))).toBe("20,412");
    expect(plain(formatNumber("fr", 20412))).toBe("20 412");
  });

  it("knows no share of nothing", () => expect(share(3, 0)).toBeNull());
});

describe("durations", () => {
  it.each([
    [0.4, "0.4 s"],
    [2.44, "2.4 s"],
    [12, "12 s"],
    [60, "1 min"],
    [200, "3 min 20 s"],
    [7500, "2 h 5 min"],
    [273_600, "3 d 4 h"],
  ])("%d s", (seconds, shown) => expect(formatDuration("en", seconds)).toBe(shown));

  it("says days in French", () => expect(formatDuration("fr", 86_400)).toBe("1 j"));
  it("keeps milliseconds below a second", () => expect(formatMillis("en", 835)).toBe("835 ms"));
});

it("sizes have the unit of the language", () => {
  expect(plain(formatBytes("en", 14_820))).toBe("14.8 kB");
  expect(plain(formatBytes("fr", 14_820))).toBe("14,8 ko");
});

it("shows the clock today, the day before that", () => {
  const now = new Date(2026, 10, 23, 12, 0, 0);
  expect(formatTime("en", new Date(2026, 10, 23, 9, 5, 7).toISOString(), now)).toBe("09:05");
  expect(formatTime("en", new Date(2026, 10, 23, 9, 5, 7).toISOString(), now, true)).toBe("09:05:07");
  expect(formatTime("en", new Date(2026, 10, 2, 9, 5).toISOString(), now)).toMatch(/2 Nov/);
  expect(formatTime("en", new Date(2025, 10, 2, 9, 5).toISOString(), now)).toMatch(/2025/);
});

it("tells how long ago", () => {
  const now = new Date("2026-11-23T12:00:00Z");
  expect(formatRelative("en", "2026-11-23T11:57:00Z", now)).toMatch(/3 min/);
  expect(plain(formatRelative("fr", "2026-11-23T12:02:00Z", now))).toMatch(/dans 2 min/);
});
