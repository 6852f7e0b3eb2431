import { expect, it } from "vitest";
import { parseTranscript } from "./transcript";

it("makes turns of a dialogue", () => {
  const turns = parseTranscript(
    "S: 220 mx ready\nC: EHLO us\nS: 250-mx\nS: 250 SIZE\nC: MAIL FROM:<a>\nC: RCPT TO:<b>\nS: 250 2.1.0 OK\nS: 550 5.1.1 no\n(message, 10 bytes)",
  );
  expect(turns.map((turn) => [turn.side, turn.lines.length, turn.severity])).toEqual([
    ["server", 1, 2],
    ["client", 1, null],
    ["server", 2, 2],
    ["client", 2, null],
    ["server", 1, 2],
    ["server", 1, 5],
    ["note", 1, null],
  ]);
});

it("takes CRLF and empty lines", () => expect(parseTranscript("S: 421 busy\r\n\r\n")).toHaveLength(1));
