import { Text } from "@codemirror/state";
import { expect, it } from "vitest";
import { diagnosticsOf, offsetOf } from "./diagnostics";

const text = Text.of(["<mjml>", "  <mj-texd>x", "</mjml>"]);

it("finds a place by line and column from 1", () => {
  expect(offsetOf(text, 2, 4)).toBe(10);
  expect(offsetOf(text, null, null)).toBe(0);
});

it("stays inside a text that has become shorter", () => {
  expect(offsetOf(text, 99, 99)).toBe(text.length);
});

it("marks the word", () => {
  const [found] = diagnosticsOf(text, [{ part: "body", message: "unknown", line: 2, column: 4, severity: "error" }]);
  expect(found && text.sliceString(found.from, found.to)).toBe("mj-texd");
});
