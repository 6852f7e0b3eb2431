//! A configuration file as it was written: where every key stands, and what stands there.
//!
//! Knows nothing of what the keys mean. Values are shown as they are written, shortened to [`SHOWN_MAX`] letters.

use std::fmt;

use serde_path_to_error::{Path, Segment};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Longest value shown, in letters; of a longer one the beginning.
const SHOWN_MAX: usize = 60;

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of a table.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// The way to a value: `queue.sources[1].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(pub Vec<Step>);

impl Place {
    /// The place of a key, as it is written above. Keys with dots or brackets in them do not come in.
    pub(super) fn of(key: &str) -> Place {
        let mut steps = Vec::new();
        for part in key.split('.') {
            let mut pieces = part.split(['[', ']']).filter(|piece| !piece.is_empty());
            steps.extend(pieces.next().map(|name| Step::Key(name.to_owned())));
            steps.extend(pieces.filter_map(|number| number.parse().ok()).map(Step::Index));
        }
        Place(steps)
    }

    /// A place inside this one.
    pub(super) fn key(&self, name: &str) -> Place {
        let mut place = self.clone();
        place.0.push(Step::Key(name.to_owned()));
        place
    }

    /// True when `other` is this place or inside of it.
    pub(super) fn holds(&self, other: &Place) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        let step = |segment: &Segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Place(path.iter().filter_map(step).collect())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) => write!(f, "{}{name}", if number == 0 { "" } else { "." })?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The file.
pub(super) struct Document<'t> {
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

/// What stands at a place.
#[derive(Debug)]
pub(super) struct Written {
    /// The line, from 1.
    pub line: usize,
    /// The value, on one line; none for a section.
    pub value: Option<String>,
}

impl<'t> Document<'t> {
    /// Reads a text; where it is not TOML, the lines and what is wrong there.
    pub(super) fn parse(text: &'t str) -> Result<Document<'t>, Vec<(Option<usize>, String)>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Document { text, table });
        }
        let told = |error: &toml::de::Error| {
            let line = error.span().map(|span| line_at(text, span.start));
            (line, error.message().to_owned())
        };
        Err(errors.iter().map(told).collect())
    }

    /// What stands at this very place.
    pub(super) fn at(&self, place: &Place) -> Option<Written> {
        let (known, written) = self.walk(place);
        written.filter(|_| known == place.0.len())
    }

    /// The line of the place, or of the longest beginning of it that is there.
    pub(super) fn line_near(&self, place: &Place) -> Option<usize> {
        self.walk(place).1.map(|written| written.line)
    }

    /// Follows a place as far as it is there: how many steps, and what stands at the last of them.
    fn walk(&self, place: &Place) -> (usize, Option<Written>) {
        let mut table = Some(self.table.get_ref());
        let (mut value, mut start): (Option<&Spanned<DeValue<'t>>>, usize) = (None, 0);
        let mut known = 0;
        for step in &place.0 {
            let next = match step {
                Step::Key(name) => {
                    let found = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name.as_str()));
                    found.map(|(key, value)| (value, key.span().start))
                }
                Step::Index(index) => {
                    let list = value.and_then(|value| value.get_ref().as_array());
                    list.and_then(|list| list.get(*index)).map(|value| (value, value.span().start))
                }
            };
            let Some((found, at)) = next else { break };
            (value, start, known) = (Some(found), at, known + 1);
            table = found.get_ref().as_table();
        }
        let written = value.map(|value| Written { line: line_at(self.text, start), value: self.shown(value) });
        (known, written)
    }

    fn shown(&self, value: &Spanned<DeValue<'t>>) -> Option<String> {
        let is_section = |value: &DeValue<'_>| value.is_table();
        let of_sections =
            value.get_ref().as_array().is_some_and(|list| list.iter().any(|one| is_section(one.get_ref())));
        if is_section(value.get_ref()) || of_sections {
            return None;
        }
        Some(shortened(self.text.get(value.span())?))
    }
}

/// A value on one line, of a bearable length.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "node = 3\n[dns]\nservers = [\n  \"a\",\n  \"b\"]\n[[queue.sources]]\nname = \"x\"\n[[queue.sources]]\n\
                        name = \"y\"\nmembers = [{ source = \"z\" }]\n";

    #[test]
    fn every_value_is_found_where_it_stands() {
        let document = Document::parse(TEXT).unwrap_or_else(|errors| panic!("{errors:?}"));
        let check = |key: &str, expected: Option<(usize, Option<&str>)>, near: Option<usize>| {
            let place = Place::of(key);
            assert_eq!(place.to_string(), key);
            let found = document.at(&place).map(|written| (written.line, written.value));
            assert_eq!(found, expected.map(|(line, value)| (line, value.map(str::to_owned))), "{key}");
            assert_eq!(document.line_near(&place), near, "{key}");
        };
        check("node", Some((1, Some("3"))), Some(1));
        check("dns.servers", Some((3, Some("[ \"a\", \"b\"]"))), Some(3));
        check("dns.servers[1]", Some((5, Some("\"b\""))), Some(5));
        check("dns.servers[2]", None, Some(3));
        check("queue.sources[1].name", Some((9, Some("\"y\""))), Some(9));
        check("queue.sources[1].members[0].source", Some((10, Some("\"z\""))), Some(10));
        check("queue.sources[1].members[0].weight", None, Some(10));
        check("queue.sources[1].address", None, Some(8));
        check("queue.sources[1]", Some((8, None)), Some(8));
        check("http.listen", None, None);
    }

    #[test]
    fn long_values_are_cut_and_short_ones_are_not() {
        assert_eq!(shortened(&"é".repeat(SHOWN_MAX)), "é".repeat(SHOWN_MAX));
        assert_eq!(shortened(&"é".repeat(SHOWN_MAX + 1)), format!("{}…", "é".repeat(SHOWN_MAX)));
        assert_eq!(shortened("[\n 1,\n 2]"), "[ 1, 2]");
    }
}
