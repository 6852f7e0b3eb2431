import { expect, it } from "vitest";
import { pivotCurves } from "./pivot";

const minute = 60_000;
const span = { from: Date.UTC(2026, 10, 23, 12, 0), to: Date.UTC(2026, 10, 23, 12, 4), stepMs: minute };

it("makes one curve per name, with zeros between", () => {
  const curves = pivotCurves(
    [
      ["gmail", "2026-11-23T12:00:00Z", 3],
      ["gmail", "2026-11-23T12:03:00Z", 5],
      ["orange", "2026-11-23T12:01:00Z", 1],
      [null, "2026-11-23T12:01:00Z", 9],
      ["gmail", "2026-11-23T13:00:00Z", 7],
    ],
    span,
  );
  expect(curves.get("gmail")).toEqual([3, 0, 0, 5]);
  expect(curves.get("orange")).toEqual([0, 1, 0, 0]);
  expect(curves.size).toBe(2);
});
