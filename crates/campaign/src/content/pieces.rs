//! A line with Liquid as people read it: its words, and a readable name for each value that stands in it. Pure.
//!
//! For display only: what a recipient gets is rendered by `mail::merge`. Of several branches the first is shown, of
//! loops one round. A line that cannot be read is one piece, as it was written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::name_of_path;
use crate::audience::field::Registry;

/// A piece of a line with Liquid in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinePiece {
    /// The words; of a value its readable name: `First name`.
    pub text: String,
    /// Differs from recipient to recipient.
    pub variable: bool,
}

/// Cuts a line into what is the same for all and the values between. Values are called as the field of the contact is.
pub(crate) fn pieces(line: &str, registry: &Registry) -> Vec<LinePiece> {
    let mut cutter = Cutter { registry, skip_to: 0, open: Vec::new(), found: Vec::new() };
    match cutter.cut(line) {
        Some(()) if cutter.found.iter().any(|piece| !piece.text.trim().is_empty()) => cutter.found,
        _ if line.is_empty() => Vec::new(),
        _ => vec![LinePiece { text: line.to_owned(), variable: false }],
    }
}

/// The same in one text, each value in braces, for paper.
pub(crate) fn plain(pieces: &[LinePiece]) -> String {
    let shown = |piece: &LinePiece| if piece.variable { format!("{{{}}}", piece.text) } else { piece.text.clone() };
    pieces.iter().map(shown).collect()
}

/// A block that is open.
struct Block {
    name: String,
    /// A branch was shown: `case` shows its first `when`, `if` what stands before the first `else`.
    shown: bool,
}

struct Cutter<'r> {
    registry: &'r Registry,
    /// Nothing is shown while more blocks than these are open; 0: everything is.
    skip_to: usize,
    open: Vec<Block>,
    found: Vec<LinePiece>,
}

impl Cutter<'_> {
    /// `None` when a mark is never closed.
    fn cut(&mut self, line: &str) -> Option<()> {
        let mut rest = line;
        while let Some(at) = next_mark(rest) {
            self.push(&rest[..at], false);
            let output = rest[at..].starts_with("{{");
            let inside = &rest[at + 2..];
            let end = inside.find(if output { "}}" } else { "%}" })?;
            let inner = inside[..end].trim_matches('-').trim();
            rest = &inside[end + 2..];
            if output {
                self.output(inner);
            } else {
                self.tag(inner);
            }
        }
        self.push(rest, false);
        Some(())
    }

    fn push(&mut self, text: &str, variable: bool) {
        if text.is_empty() || self.skip_to > 0 {
            return;
        }
        match self.found.last_mut() {
            Some(last) if !variable && !last.variable => last.text.push_str(text),
            _ => self.found.push(LinePiece { text: text.to_owned(), variable }),
        }
    }

    fn output(&mut self, inner: &str) {
        let value = inner.split('|').next().unwrap_or_default().trim();
        match value.chars().next() {
            Some(quote @ ('"' | '\'')) => self.push(value.trim_matches(quote), false),
            _ => self.push(&self.called(value), true),
        }
    }

    /// `First name` for `contact.first_name` where a field is called so, else `first name`.
    fn called(&self, path: &str) -> String {
        let name = name_of_path(path);
        if let Some(field) = self.registry.get(name).filter(|field| !field.label.trim().is_empty()) {
            return field.label.clone();
        }
        let last = path.rsplit('.').next().unwrap_or(path);
        let words = last.replace(['_', '-'], " ");
        if words.trim().is_empty() { "…".to_owned() } else { words }
    }

    fn tag(&mut self, inner: &str) {
        let name = inner.split_whitespace().next().unwrap_or_default();
        match name {
            "if" | "unless" | "for" => self.open.push(Block { name: name.to_owned(), shown: true }),
            "case" => {
                self.open.push(Block { name: name.to_owned(), shown: false });
                self.hide();
            }
            "capture" | "comment" => {
                self.open.push(Block { name: name.to_owned(), shown: true });
                self.hide();
            }
            "else" | "elsif" | "when" => self.branch(),
            _ => self.close(name),
        }
    }

    fn branch(&mut self) {
        let depth = self.open.len();
        let Some(block) = self.open.last_mut() else { return };
        let first = !std::mem::replace(&mut block.shown, true);
        if self.skip_to == depth && first {
            self.skip_to = 0;
        } else {
            self.hide();
        }
    }

    /// Shows nothing until the innermost block ends.
    fn hide(&mut self) {
        if self.skip_to == 0 {
            self.skip_to = self.open.len();
        }
    }

    fn close(&mut self, name: &str) {
        let Some(ended) = name.strip_prefix("end") else { return };
        if self.open.last().is_some_and(|block| block.name == ended) {
            if self.skip_to == self.open.len() {
                self.skip_to = 0;
            }
            self.open.pop();
        }
    }
}

fn next_mark(text: &str) -> Option<usize> {
    [text.find("{{"), text.find("{%")].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::types::{Field, FieldKind};

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let field =
            Field { name: "first_name".into(), label: "Prénom".into(), kind: FieldKind::Text, choices: vec![] };
        let registry = Registry::from([(field.name.clone(), field)]);
        assert_eq!(plain(&pieces(line, &registry)), expected, "{line}");
    }

    #[test]
    fn a_line_is_shown_with_the_names_of_its_values() {
        check("", "");
        check("Back from the summer", "Back from the summer");
        check("{{ first_name }}, new lamps", "{Prénom}, new lamps");
        check("{{contact.first_name|default:\"you\"}}, new lamps", "{Prénom}, new lamps");
        check("{{- contact.favourite_shop | upcase -}} calls", "{favourite shop} calls");
        check("{{ \"Hello\" }} {{ p.id }}", "Hello {id}");
        check("https://x.example/p/{{ last_product | url_encode }}?a=1", "https://x.example/p/{last product}?a=1");
        check("{{ }}!", "{…}!");
    }

    #[test]
    fn of_several_branches_the_first_is_shown() {
        check("{% if vip %}For you: {% else %}{% if a %}x{% endif %}News: {% endif %}lamps", "For you: lamps");
        check("{% case lang %}{% when 'fr' %}Bonjour{% when 'en' %}Hello{% else %}Hi{% endcase %}!", "Bonjour!");
        check("{% unless a %}A{% elsif b %}B{% else %}C{% endunless %}D", "AD");
        check("{% for p in products %}{{ p.name }} {% endfor %}", "{name} ");
        check("{% assign x = 1 %}{% capture y %}hidden{% endcapture %}{% comment %}no{% endcomment %}seen", "seen");
        check("{% if a %}{% else %}{% case b %}{% when 1 %}x{% endcase %}y{% endif %}z", "z");
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_written() {
        for line in ["{{ broken", "{% if x", "a {% if x %}{% endif %}{{", "{% assign x = 1 %}"] {
            check(line, line);
        }
        check("{% endif %}{% else %}{% when %}a", "a");
    }
}
