import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { addressPieces, Pieces, plainPieces } from "./Pieces";

afterEach(cleanup);

const words = (text: string) => ({ text, variable: false });
const value = (text: string) => ({ text, variable: true });

it("shows a chip with a readable name for each value", () => {
  const { container } = render(<Pieces pieces={[words("Hello "), value("First name")]} />);
  expect(container.textContent).toBe("Hello {First name}");
  expect(container.querySelectorAll("[class*=chip]")).toHaveLength(1);
});

it.each([
  [[words("https://x.example/")], "x.example"],
  [[words("HTTP://x.example/a/"), value("City"), words("/")], "x.example/a/{City}"],
  [[value("url")], "{url}"],
  [[words("/")], "/"],
  [[], ""],
])("shows an address as people read it (%#)", (pieces, shown) =>
  expect(plainPieces(addressPieces(pieces))).toBe(shown),
);
