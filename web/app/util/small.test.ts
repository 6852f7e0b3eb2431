// Table tests of the smallest helpers.
import { describe, expect, it } from "vitest";
import { ApiError, canPass } from "~/api/errors";
import { matchKey } from "~/hooks/useShortcuts";
import { detectLanguage, withMany } from "~/i18n";
import { sparkPath } from "~/ui/Sparkline";
import { looksLikeAddress, splitAddresses } from "./address";
import { fieldsOf, summaryOf } from "./event-fields";
import { numberOf, oneOf, textOf } from "./params";
import { shortName } from "./provider-name";
import { classify } from "./quick";

describe("trying again", () => {
  it.each([
    [0, true],
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [409, false],
    [413, false],
    [429, true],
    [500, true],
    [503, true],
  ])("after %i: %s", (status, helps) => expect(canPass(new ApiError(status, { code: "x", message: "x" }))).toBe(helps));
  it("helps when a piece of the page did not load", () => expect(canPass(new TypeError("import failed"))).toBe(true));
});

describe("short names of providers", () => {
  it.each([
    ["Gmail and Google Workspace", "Gmail"],
    ["SFR, Neuf, Cegetel, Club-Internet, Numericable, Noos", "SFR"],
    ["Outlook.com, Hotmail, Live, MSN", "Outlook.com"],
    ["BT, Virgin Media and others on Openwave", "BT"],
    ["La Poste", "La Poste"],
    ["mail.mairie-de-saint-jean.example", "mail.mairie-de-saint-jean.example"],
    ["", ""],
  ])("%s", (label, short) => expect(shortName(label)).toBe(short));
});

describe("quick search", () => {
  it.each([
    ["0sahfjvgv7wm7", "id"],
    ["ZOE@example.fr", "address"],
    ["provider:gmail kind:deferred", "search"],
    ["address:zoe@example.fr", "search"],
    ["4.7.28", "search"],
  ])("%s is %s", (text, kind) => expect(classify(text)?.kind).toBe(kind));
  it("is nothing when empty", () => expect(classify("  ")).toBeNull());
});

describe("addresses", () => {
  it.each([
    ["a@b", true],
    ["a b@c", false],
    ["nobody", false],
  ])("%s", (text, looks) => expect(looksLikeAddress(text)).toBe(looks));
  it("splits and drops repeats", () => expect(splitAddresses("a@b, c@d;\n a@b")).toEqual(["a@b", "c@d"]));
});

describe("language", () => {
  it.each([
    [null, ["fr-CA", "en"], "fr"],
    [null, ["de", "en-GB"], "en"],
    ["fr", ["en"], "fr"],
    ["xx", ["it"], "en"],
  ])("%s %j", (stored, wanted, language) => expect(detectLanguage(stored, wanted)).toBe(language));
  it("says a million as many", () =>
    expect(withMany({ a: { n_other: "x" } })).toEqual({ a: { n_other: "x", n_many: "x" } }));
});

describe("shortcuts", () => {
  const shortcuts = { "/": () => {}, "g n": () => {}, "g c": () => {} };
  it("runs a single key", () => expect(matchKey(shortcuts, null, "/")).toEqual({ run: "/", pending: null }));
  it("waits for the second key", () => expect(matchKey(shortcuts, null, "g")).toEqual({ pending: "g" }));
  it("runs a sequence", () => expect(matchKey(shortcuts, "g", "n")).toEqual({ run: "g n", pending: null }));
  it("forgets a wrong second key", () => expect(matchKey(shortcuts, "g", "x")).toEqual({ pending: null }));
});

describe("address bar", () => {
  it("takes what fits", () => {
    expect(oneOf("sent", ["draft", "sent"] as const)).toBe("sent");
    expect(oneOf("odd", ["draft"] as const)).toBeUndefined();
    expect(numberOf("60", [15, 60])).toBe(60);
    expect(textOf(421)).toBe("421");
    expect(textOf("")).toBeUndefined();
  });
});

describe("events", () => {
  const event = {
    v: 1,
    id: "x.1",
    at: "2026-11-23T12:00:00Z",
    kind: "deferred" as const,
    provider: "orange",
    attempt: { number: 2, reply: { code: 421, enhanced: "4.7.0", text: "slow\ndown" }, suppress: false },
  };
  it("names fields as searches do, and leaves out what is not there", () => {
    expect(fieldsOf(event).map((entry) => entry.field)).toEqual([
      "at",
      "kind",
      "provider",
      "attempt",
      "code",
      "enhanced",
      "reply",
      "id",
    ]);
  });
  it("says what was said", () => expect(summaryOf(event)).toBe("421 4.7.0 slow down"));
});

describe("sparkline", () => {
  it("needs two values", () => expect(sparkPath([3], 10, 10, 3)).toBe(""));
  it("spans its width", () => expect(sparkPath([0, 2], 10, 10, 2)).toBe("M0.0,9.0L10.0,1.0"));
});
