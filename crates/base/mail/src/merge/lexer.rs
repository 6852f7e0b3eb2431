//! Cuts a template into static text, outputs and tags; does whitespace control, `raw` and comments on the way.

use super::{TAG_BYTES_MAX, TEMPLATE_BYTES_MAX, TemplateError};

/// A place in a template, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Place {
    pub(crate) const START: Place = Place { line: 1, column: 1 };

    /// The place behind `text`, which begins here.
    pub(crate) fn after(self, text: &str) -> Place {
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        match text.rfind('\n') {
            Some(last) => {
                let lines = u32::try_from(text.bytes().filter(|&byte| byte == b'\n').count()).unwrap_or(u32::MAX);
                Place { line: self.line.saturating_add(lines), column: count(&text[last + 1..]).saturating_add(1) }
            }
            None => Place { line: self.line, column: self.column.saturating_add(count(text)) },
        }
    }

    pub(crate) fn error(self, message: impl Into<String>) -> TemplateError {
        TemplateError { message: message.into(), line: self.line, column: self.column }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    /// Text that goes out as it is.
    Static(String),
    /// `{{ inner }}`; the place is that of the first byte of `inner`.
    Output { inner: String, place: Place },
    /// `{% name rest %}`; the place is that of the first byte of `inner`.
    Tag { inner: String, place: Place },
    /// A link that is written at rendering; not part of the language, put in by `program::rewrite`.
    Link(LinkSegment),
    /// The pixel; likewise.
    Pixel,
}

impl Segment {
    /// As its author wrote it, nearly.
    pub(crate) fn written(&self) -> String {
        match self {
            Segment::Static(text) if next_mark(text).is_some() => format!("{{% raw %}}{text}{{% endraw %}}"),
            Segment::Static(text) => text.clone(),
            Segment::Output { inner, .. } => format!("{{{{{inner}}}}}"),
            Segment::Tag { inner, .. } => format!("{{%{inner}%}}"),
            Segment::Link(_) | Segment::Pixel => String::new(),
        }
    }
}

/// A link whose address is written by [`super::Inserts`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkSegment {
    /// Place in the link table.
    pub(crate) index: u16,
    /// What the address is made of, when it is made for each recipient; empty otherwise.
    pub(crate) address: Vec<Segment>,
}

/// Cuts a template.
pub(crate) fn lex(text: &str) -> Result<Vec<Segment>, TemplateError> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(Place::START.error(format!("longer than {TEMPLATE_BYTES_MAX} bytes")));
    }
    let mut lexer = Lexer { text, at: 0, known: (0, Place::START), segments: Vec::new(), trim_next: false };
    while lexer.step()? {}
    Ok(lexer.segments)
}

struct Lexer<'t> {
    text: &'t str,
    /// How far it is read, in bytes.
    at: usize,
    /// The last place that was worked out, and its offset.
    known: (usize, Place),
    segments: Vec<Segment>,
    /// The last tag ended with `-`.
    trim_next: bool,
}

/// What stands between the marks of one `{{ }}` or `{% %}`.
struct Inner<'t> {
    text: &'t str,
    /// Offset of `text`.
    start: usize,
    trim_before: bool,
    trim_after: bool,
}

impl<'t> Lexer<'t> {
    /// Reads static text and the mark behind it; false at the end of the template.
    fn step(&mut self) -> Result<bool, TemplateError> {
        let Some(len) = next_mark(&self.text[self.at..]) else {
            self.push_static(&self.text[self.at..], false);
            return Ok(false);
        };
        let opening = self.at + len;
        let before = &self.text[self.at..opening];
        let output = self.text[opening..].starts_with("{{");
        let inner = self.inner(opening, if output { "}}" } else { "%}" })?;
        self.push_static(before, inner.trim_before);
        self.trim_next = inner.trim_after;
        if output {
            let place = self.place(inner.start);
            self.segments.push(Segment::Output { inner: inner.text.to_owned(), place });
            return Ok(true);
        }
        match tag_name(inner.text) {
            "raw" => {
                let (body, end) = self.until(opening, "raw", "endraw", false)?;
                self.push_static(body, end.trim_before);
                self.trim_next = end.trim_after;
            }
            "comment" => self.trim_next = self.until(opening, "comment", "endcomment", true)?.1.trim_after,
            "#" => {}
            _ => {
                let place = self.place(inner.start);
                self.segments.push(Segment::Tag { inner: inner.text.to_owned(), place });
            }
        }
        Ok(true)
    }

    fn push_static(&mut self, text: &str, trim_end: bool) {
        let text = if self.trim_next { text.trim_start() } else { text };
        let text = if trim_end { text.trim_end() } else { text };
        self.trim_next = false;
        match self.segments.last_mut() {
            _ if text.is_empty() => {}
            Some(Segment::Static(last)) => last.push_str(text),
            _ => self.segments.push(Segment::Static(text.to_owned())),
        }
    }

    /// Reads from the opening mark at `opening` to its closing one.
    fn inner(&mut self, opening: usize, close: &str) -> Result<Inner<'t>, TemplateError> {
        let start = opening + 2;
        let window = &self.text[start..self.text.floor_char_boundary(start + TAG_BYTES_MAX)];
        let Some(end) = window.find(close) else {
            let open = &self.text[opening..start];
            return Err(self.place(opening).error(format!("`{open}` without `{close}` behind it")));
        };
        self.at = start + end + close.len();
        let full = &window[..end];
        let trim_before = full.starts_with('-');
        let trim_after = full.len() > usize::from(trim_before) && full.ends_with('-');
        let text = &full[usize::from(trim_before)..full.len() - usize::from(trim_after)];
        Ok(Inner { text, start: start + usize::from(trim_before), trim_before, trim_after })
    }

    /// The text up to the tag `close`, and that tag; `nests`: an `open` inside wants a `close` of its own.
    fn until(
        &mut self,
        opening: usize,
        open: &str,
        close: &str,
        nests: bool,
    ) -> Result<(&'t str, Inner<'t>), TemplateError> {
        let start = self.at;
        let mut depth = 1;
        while let Some(len) = self.text[self.at..].find("{%") {
            let mark = self.at + len;
            // A `{%` that is never closed is no tag in here.
            let Ok(inner) = self.inner(mark, "%}") else { break };
            match tag_name(inner.text) {
                name if name == open && nests => depth += 1,
                name if name == close => depth -= 1,
                // Something like `{% {% endraw %}`: look again right behind the first mark.
                _ if inner.text.contains("{%") => self.at = mark + 2,
                _ => {}
            }
            if depth == 0 {
                return Ok((&self.text[start..mark], inner));
            }
        }
        Err(self.place(opening).error(format!("`{open}` without `{close}`")))
    }

    fn place(&mut self, at: usize) -> Place {
        let (known, place) = if self.known.0 <= at { self.known } else { (0, Place::START) };
        let place = place.after(&self.text[known..at]);
        self.known = (at, place);
        place
    }
}

fn next_mark(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find('{') {
        let at = from + at;
        match text.as_bytes().get(at + 1) {
            Some(b'{' | b'%') => return Some(at),
            _ => from = at + 1,
        }
    }
    None
}

/// The first word of a tag.
pub(super) fn tag_name(inner: &str) -> &str {
    let inner = inner.trim_start();
    if inner.starts_with('#') {
        return "#";
    }
    let end = inner.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(inner.len());
    &inner[..end]
}
