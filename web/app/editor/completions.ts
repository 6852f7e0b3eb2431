// Suggestions while writing: variables inside braces, MJML tags after `<`.
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";

/** The tags of MJML that end up in a mail, with the attributes used most. */
export const MJML_TAGS: Record<string, string[]> = {
  mjml: [],
  "mj-head": [],
  "mj-body": ["background-color", "width"],
  "mj-section": ["background-color", "padding", "full-width", "text-align"],
  "mj-column": ["width", "padding", "background-color", "vertical-align"],
  "mj-group": ["width"],
  "mj-wrapper": ["background-color", "padding"],
  "mj-hero": ["background-url", "background-color", "height", "mode"],
  "mj-text": ["align", "color", "font-size", "font-weight", "line-height", "padding"],
  "mj-button": ["href", "background-color", "color", "border-radius", "align", "inner-padding"],
  "mj-image": ["src", "alt", "href", "width", "padding", "align"],
  "mj-divider": ["border-color", "border-width", "padding"],
  "mj-spacer": ["height"],
  "mj-table": ["padding"],
  "mj-social": ["mode", "align"],
  "mj-social-element": ["name", "href"],
  "mj-raw": [],
  "mj-title": [],
  "mj-preview": [],
  "mj-attributes": [],
  "mj-all": ["font-family"],
  "mj-class": ["name"],
  "mj-style": ["inline"],
  "mj-font": ["name", "href"],
};

/** What every mail has besides the fields of contacts (`campaign::content::values`, `mail::program`). */
export const BUILT_IN = ["contact.name", "contact.address", "unsubscribe_url"];

export function completeLiquid(variables: readonly string[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const before = context.matchBefore(/\{\{\s*[\w.]*$/);
    if (!before) return null;
    const word = context.matchBefore(/[\w.]*/);
    return {
      from: word?.from ?? context.pos,
      options: variables.map((name) => ({ label: name, type: "variable" })),
      validFor: /^[\w.]*$/,
    };
  };
}
