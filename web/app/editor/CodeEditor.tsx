// CodeMirror for MJML, HTML and text. Loaded when it is needed; the text itself lives with the page.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { html, htmlLanguage } from "@codemirror/lang-html";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { ContentFormat } from "~/api/types";
import { completeLiquid, MJML_TAGS } from "./completions";
import { diagnosticsOf, offsetOf, type PlacedIssue } from "./diagnostics";
import { liquid } from "./liquid";
import { look } from "./look";

export interface CodeEditorProps {
  value: string;
  onChange: (value: string) => void;
  format: ContentFormat;
  label: string;
  variables: readonly string[];
  issues: readonly PlacedIssue[];
  readOnly: boolean;
  /** Where to put the cursor; a new object jumps again. */
  goTo: { line: number; column: number } | null;
}

function languageOf(format: ContentFormat, variables: readonly string[]): Extension {
  const complete = completeLiquid(variables);
  if (format === "text") return autocompletion({ override: [complete] });
  const extraTags = Object.fromEntries(
    Object.entries(MJML_TAGS).map(([tag, attributes]) => [
      tag,
      { attrs: Object.fromEntries(attributes.map((name) => [name, null])) },
    ]),
  );
  return [
    format === "mjml" ? html({ extraTags, selfClosingTags: true }) : html(),
    htmlLanguage.data.of({ autocomplete: complete }),
    autocompletion(),
  ];
}

const basics: Extension = [
  lineNumbers(),
  foldGutter(),
  lintGutter(),
  history(),
  drawSelection(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  bracketMatching(),
  closeBrackets(),
  indentOnInput(),
  indentUnit.of("  "),
  EditorView.lineWrapping,
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...completionKeymap,
    indentWithTab,
  ]),
  liquid,
  look,
];

export default function CodeEditor(props: CodeEditorProps) {
  const { value, onChange, format, label, variables, issues, readOnly, goTo } = props;
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const language = useRef(new Compartment());
  const locked = useRef(new Compartment());
  const change = useRef(onChange);
  change.current = onChange;

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; what changes is handed over below
  useEffect(() => {
    if (!holder.current) return;
    const editor = new EditorView({
      parent: holder.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          basics,
          language.current.of(languageOf(format, variables)),
          locked.current.of(EditorState.readOnly.of(readOnly)),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", tabindex: "0" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) change.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({
      effects: [
        language.current.reconfigure(languageOf(format, variables)),
        locked.current.reconfigure(EditorState.readOnly.of(readOnly)),
      ],
    });
  }, [format, variables, readOnly]);

  useEffect(() => {
    const editor = view.current;
    if (editor) editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state.doc, issues)));
  }, [issues]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !goTo) return;
    const at = offsetOf(editor.state.doc, goTo.line, goTo.column);
    editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    editor.focus();
  }, [goTo]);

  return <div ref={holder} style={{ height: "100%", minHeight: 0 }} />;
}
