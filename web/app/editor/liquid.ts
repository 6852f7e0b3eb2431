// Makes Liquid visible inside MJML, HTML and text: `{{ value }}` and `{% tag %}`.
import {
  Decoration,
  type DecorationSet,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";

const matcher = new MatchDecorator({
  regexp: /\{\{[^}\n]*\}\}|\{%[^%\n]*%\}/g,
  decoration: (match) => Decoration.mark({ class: match[0].startsWith("{{") ? "cm-liquid-value" : "cm-liquid-tag" }),
});

const marks = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;

    constructor(view: EditorView) {
      this.decorations = matcher.createDeco(view);
    }

    update(update: ViewUpdate) {
      this.decorations = matcher.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const looks = EditorView.baseTheme({
  ".cm-liquid-value, .cm-liquid-value *": { color: "var(--accent-text) !important" },
  ".cm-liquid-value": { background: "var(--accent-soft)", borderRadius: "3px" },
  ".cm-liquid-tag, .cm-liquid-tag *": { color: "var(--block-text) !important" },
  ".cm-liquid-tag": { background: "var(--block-soft)", borderRadius: "3px" },
});

export const liquid = [marks, looks];
