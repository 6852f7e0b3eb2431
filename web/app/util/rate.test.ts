import { expect, it } from "vitest";
import { wilson } from "./rate";

it("has no rate without observations", () => expect(wilson(0, 0)).toBeNull());

it("agrees with the published example of Wilson's interval", () => {
  // 15 of 50: 0.191 to 0.438 (Newcombe 1998, method 3).
  const interval = wilson(15, 50);
  expect(interval?.rate).toBeCloseTo(0.3);
  expect(interval?.low).toBeCloseTo(0.191, 3);
  expect(interval?.high).toBeCloseTo(0.4375, 3);
});

it("stays between nothing and all, and grows tight with n", () => {
  const few = wilson(0, 10);
  const many = wilson(0, 10_000);
  expect(few?.low).toBe(0);
  expect(many?.high ?? 1).toBeLessThan(few?.high ?? 0);
  expect(wilson(10, 10)?.high).toBe(1);
});
