//! Groups of header-like fields: the inside of `message/delivery-status` and `message/feedback-report`, quoted headers.
//!
//! Lenient on purpose: unfolds lines, passes over what is no field, keeps order, bounds number and size.

use super::limits::{FIELD_BYTES_MAX, FIELDS_MAX};

/// Fields in order; names compare without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of this name, trimmed and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of this name, trimmed and not empty.
    pub(super) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.iter().filter(move |(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty()).map(|(_, v)| v)
    }

    /// All fields in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// True when there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads fields until the first empty line or the end.
    pub(super) fn read(text: &str) -> Self {
        read_group(&mut text.lines())
    }
}

/// Reads one group after the other; empty lines divide them. At most `max` groups.
pub(super) fn groups(text: &str, max: usize) -> Vec<Fields> {
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while found.len() < max && lines.peek().is_some() {
        let group = read_group(&mut lines);
        if !group.is_empty() {
            found.push(group);
        }
    }
    found
}

fn read_group<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Fields {
    let mut fields = Fields::default();
    for line in lines {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            if fields.is_empty() {
                continue;
            }
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.0.last_mut() {
                push_bounded(value, line.trim());
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim();
        if name.is_empty() || name.len() > 100 || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            continue;
        }
        if fields.0.len() < FIELDS_MAX {
            fields.0.push((name.to_owned(), String::new()));
            let (_, kept) = fields.0.last_mut().expect("invariant: just pushed");
            push_bounded(kept, value.trim());
        }
    }
    fields
}

fn push_bounded(value: &mut String, more: &str) {
    if !value.is_empty() {
        value.push(' ');
    }
    let room = FIELD_BYTES_MAX.saturating_sub(value.len());
    value.push_str(&more[..more.floor_char_boundary(room)]);
}

/// The value behind a type: `rfc822; user@example.org` → `user@example.org`, with `<>` and quotes taken off.
pub(super) fn behind_type(value: &str) -> &str {
    let value = value.split_once(';').map_or(value, |(_, behind)| behind);
    value.trim().trim_matches(['<', '>', '"', '\'']).trim()
}

/// Every address-like word of a text: `local@domain` without brackets and punctuation around it.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '[' | ']' | '\'')
    })
    .map(|word| word.trim_matches(['"', ':', '.', '`', '*', '|']))
    .map(|word| word.strip_prefix("mailto:").or_else(|| word.strip_prefix("SMTP:")).unwrap_or(word))
    .filter(|word| is_address(word))
}

/// Something before and behind one at-sign, no spaces. Looser than `address::Address`: reports quote what they were given.
pub(super) fn is_address(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else { return false };
    (1..=200).contains(&local.len())
        && (1..=253).contains(&domain.len())
        && !local.contains(['<', '>', '=']) | local.starts_with(|c: char| c.is_alphanumeric())
        && domain.starts_with(|c: char| c.is_alphanumeric())
        && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_and_broken_fields() {
        let found = groups("\r\nA: 1\r\n  2\r\nno field\r\n: 3\r\nb :4\r\n\r\n\r\nC: 5", 9);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].get("a"), found[0].get("B"), found[1].get("c")), (Some("1 2"), Some("4"), Some("5")));
    }

    #[test]
    fn values_behind_their_type() {
        assert_eq!(behind_type("rfc822; <a@example.org>"), "a@example.org");
        assert_eq!(behind_type("a@example.org"), "a@example.org");
        assert_eq!(addresses("<a@b.c>: text (b@c.d), x@ @y").collect::<Vec<_>>(), ["a@b.c", "b@c.d"]);
    }
}
