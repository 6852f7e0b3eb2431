// The editor in the colours of the house; both schemes through the tokens.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { fontMono } from "~/theme/theme";

const frame = EditorView.theme({
  "&": { height: "100%", fontSize: "12.5px", background: "var(--surface)", color: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: fontMono, lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--text)", paddingBlock: "8px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { background: "var(--raised)", color: "var(--muted)", borderRight: "1px solid var(--border)" },
  ".cm-activeLine": { background: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-activeLineGutter": { background: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 28%, transparent)",
  },
  ".cm-tooltip": {
    background: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--border-strong)",
    borderRadius: "6px",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent-soft)", color: "var(--accent-text)" },
  ".cm-panels": { background: "var(--raised)", color: "var(--text)", borderColor: "var(--border)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-diagnostic": { fontFamily: "inherit" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { background: "var(--accent-soft)", outline: "none" },
});

const highlight = HighlightStyle.define([
  { tag: tags.tagName, color: "var(--accent-text)" },
  { tag: tags.angleBracket, color: "var(--muted)" },
  { tag: tags.attributeName, color: "var(--info-text)" },
  { tag: [tags.attributeValue, tags.string], color: "var(--good-text)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.keyword, tags.propertyName], color: "var(--block-text)" },
  { tag: [tags.number, tags.unit, tags.color], color: "var(--warn-text)" },
  { tag: tags.invalid, color: "var(--bad-text)" },
]);

export const look = [frame, syntaxHighlighting(highlight)];
