// Reads an SMTP transcript (`S: …` server, `C: …` client) into turns of a dialogue.

export interface Turn {
  side: "server" | "client" | "note";
  lines: string[];
  /** First digit of the reply code of a server's turn. */
  severity: 2 | 3 | 4 | 5 | null;
}

export function parseTranscript(transcript: string): Turn[] {
  const turns: Turn[] = [];
  for (const raw of transcript.split("\n")) {
    const line = raw.replace(/\r$/, "");
    if (line.trim() === "") continue;
    const match = /^([SC]): ?(.*)$/.exec(line);
    const side = match ? (match[1] === "S" ? "server" : "client") : "note";
    const text = match?.[2] ?? line;
    const last = turns[turns.length - 1];
    if (last && last.side === side && !endsReply(last)) last.lines.push(text);
    else turns.push({ side, lines: [text], severity: null });
  }
  for (const turn of turns)
    if (turn.side === "server") turn.severity = severityOf(turn.lines[turn.lines.length - 1] ?? "");
  return turns;
}

/** `250 ok` ends a reply, `250-more` does not. What a client says in one go stays together. */
function endsReply(turn: Turn): boolean {
  return turn.side === "server" && /^\d{3}(?: |$)/.test(turn.lines[turn.lines.length - 1] ?? "");
}

function severityOf(line: string): Turn["severity"] {
  const digit = Number(/^([2-5])\d\d/.exec(line)?.[1] ?? 0);
  return digit === 2 || digit === 3 || digit === 4 || digit === 5 ? digit : null;
}
