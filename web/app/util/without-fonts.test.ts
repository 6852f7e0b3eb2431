import { expect, it } from "vitest";
import { withoutFonts } from "./without-fonts";

it("asks for no fonts from elsewhere", () => {
  const html = `<head><link href="https://fonts.googleapis.com/css?family=Ubuntu:300,400" rel="stylesheet" type="text/css">
<style type="text/css">@import url(https://fonts.googleapis.com/css?family=Ubuntu:300,400);</style><link rel="x" href="/y"></head>`;
  const shown = withoutFonts(html);
  expect(shown).not.toContain("googleapis");
  expect(shown).toContain('<link rel="x" href="/y">');
});
