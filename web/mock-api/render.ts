// Just enough of MJML and Liquid to show a preview. The real ones live in `mail::mjml` and `mail::merge`.
import type { Campaign, Contact, ContentIssue, Rendered, RenderRequest } from "../app/api/types";

const TAGS: [RegExp, string][] = [
  [/<mj-section([^>]*)>/g, '<div class="section"$1>'],
  [/<\/mj-section>/g, "</div>"],
  [/<mj-text([^>]*)>/g, "<p$1>"],
  [/<\/mj-text>/g, "</p>"],
  [/<mj-button([^>]*)>/g, '<p><a class="button"$1>'],
  [/<\/mj-button>/g, "</a></p>"],
  [/<\/?(mjml|mj-body|mj-column|mj-all|mj-attributes|mj-wrapper)[^>]*>/g, ""],
];

function styles(html: string): string {
  return html.replace(/<(\w+)([^>]*)>/g, (whole, tag: string, attributes: string) => {
    const pairs = [
      ...attributes.matchAll(
        /(background-color|color|font-size|font-weight|line-height|padding|border-radius)="([^"]*)"/g,
      ),
    ];
    if (pairs.length === 0) return whole;
    const style = pairs.map((pair) => `${pair[1]}:${pair[2]}`).join(";");
    return `<${tag}${attributes.replace(/(background-color|color|font-size|font-weight|line-height|padding|border-radius)="[^"]*"/g, "")} style="${style}">`;
  });
}

function filled(path: string, contact: Contact | null): string {
  const name = path.replace("contact.", "");
  if (path === "contact.name") return contact?.name ?? "";
  if (path === "contact.address") return contact?.address ?? "zoe.martin@example.org";
  if (path.endsWith("_url")) return "#";
  return String(contact?.fields[name] ?? "");
}

export function merge(text: string, contact: Contact | null): string {
  return text
    .replace(
      /\{%\s*if ([\w.]+) > (\d+)\s*%\}([\s\S]*?)\{%\s*endif\s*%\}/g,
      (_all, path: string, limit: string, inner: string) =>
        Number(filled(path, contact)) > Number(limit) ? inner : "",
    )
    .replace(
      /\{\{\s*([\w.]+)\s*(?:\|\s*default:\s*"([^"]*)")?\s*\}\}/g,
      (_all, path: string, other?: string) => filled(path, contact) || (other ?? ""),
    );
}

const FIELDS: Record<string, string> = { name: "Name", first_name: "First name", city: "City" };

/** A line with the names of the values in it, as `campaign::content::pieces` cuts it; without branches. */
export function piecesOf(line: string): Campaign["subject_pieces"] {
  const parts = line.split(/\{\{\s*([^}]*?)\s*\}\}/);
  return parts.flatMap((part, index): Campaign["subject_pieces"] => {
    if (index % 2 === 0) return part === "" ? [] : [{ text: part, variable: false }];
    const name = (part.split("|")[0] ?? "").trim().split(".").pop() ?? "";
    return [{ text: FIELDS[name] ?? name.replace(/_/g, " "), variable: true }];
  });
}

/** Braces that are never closed, and tags MJML does not know. */
export function issuesOf(part: string, text: string): ContentIssue[] {
  const issues: ContentIssue[] = [];
  text.split("\n").forEach((line, index) => {
    const open = line.lastIndexOf("{{");
    if (open >= 0 && !line.slice(open).includes("}}")) {
      issues.push({ part, message: "The value begun here is not closed: add }}.", line: index + 1, column: open + 1 });
    }
    const unknown =
      /<(mj-(?!section|column|text|button|head|body|title|attributes|all|image|divider|spacer|wrapper|raw|style|preview)[\w-]*)/.exec(
        line,
      );
    if (unknown)
      issues.push({ part, message: `MJML knows no <${unknown[1]}>.`, line: index + 1, column: unknown.index + 2 });
  });
  return issues;
}

export function render(asked: RenderRequest, contact: Contact | null): Rendered {
  const request = { subject: "", preheader: "", body: "", text: "", ...asked };
  const errors = [...issuesOf("subject", request.subject), ...issuesOf("body", request.body)];
  const merged = merge(request.body, contact);
  let html = merged.replace(/<mj-head>[\s\S]*?<\/mj-head>/g, "");
  for (const [from, to] of TAGS) html = html.replace(from, to);
  const page =
    request.format === "text"
      ? ""
      : `<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#f3ede4;font:16px/1.55 Helvetica,Arial,sans-serif;color:#2a2520}.section{max-width:600px;margin:0 auto;box-sizing:border-box}p{margin:0 0 14px}.button{display:inline-block;padding:10px 24px;color:#fff;text-decoration:none}</style>${styles(html)}`;
  const text =
    request.text ||
    merged
      .replace(/<[^>]+>/g, "")
      .replace(/[ \t]+/g, " ")
      .replace(/\n\s*\n+/g, "\n\n")
      .trim();
  const warnings: ContentIssue[] =
    request.body && !request.body.includes("unsubscribe_url")
      ? [{ part: "body", message: "There is no link to {{ unsubscribe_url }}.", line: null, column: null }]
      : [];
  return {
    subject: merge(request.subject, contact).replace(/^, /, ""),
    preheader: merge(request.preheader, contact),
    html: request.body === "" ? "" : page,
    text,
    warnings,
    errors,
    size_bytes: page.length + text.length,
  };
}
