// A line with Liquid in it, as something to read in a list: defaults or names in place of values, the first of several branches.
// For display only; what a recipient gets is rendered by `mail::merge`.

export function readableLiquid(text: string): string {
  return text
    .replace(/\{%-?\s*(?:else|elsif|when)\b[\s\S]*?\{%-?\s*end(?:if|unless|case)\s*-?%\}/g, "")
    .replace(/\{%[\s\S]*?%\}/g, "")
    .replace(/\{\{[^}]*?\|\s*default:\s*(["'])(.*?)\1[^}]*\}\}/g, "$2")
    .replace(/\{\{-?\s*(?:[\w]+\.)*(\w+)[^}]*\}\}/g, "[$1]")
    .replace(/\{\{[^}]*\}\}/g, "…")
    .replace(/\s+/g, " ")
    .trim();
}
