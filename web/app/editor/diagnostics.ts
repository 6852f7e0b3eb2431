// Places the problems that the program found (line and column from 1) in the text of the editor.
import type { Diagnostic } from "@codemirror/lint";
import type { Text } from "@codemirror/state";
import type { ContentIssue } from "~/api/types";

export interface PlacedIssue extends ContentIssue {
  severity: "error" | "warning";
}

/** A position beyond the text (it may have changed since) goes to the nearest place. */
export function offsetOf(text: Text, line: number | null, column: number | null): number {
  const row = text.line(Math.min(Math.max(line ?? 1, 1), text.lines));
  return Math.min(row.from + Math.max((column ?? 1) - 1, 0), row.to);
}

export function diagnosticsOf(text: Text, issues: readonly PlacedIssue[]): Diagnostic[] {
  return issues.map((issue) => {
    const from = offsetOf(text, issue.line, issue.column);
    const end = text.lineAt(from).to;
    const rest = text.sliceString(from, end);
    const word = /^[\w-]+|^\S+/.exec(rest)?.[0].length ?? 0;
    return { from, to: Math.min(end, from + Math.max(word, 1)), severity: issue.severity, message: issue.message };
  });
}
