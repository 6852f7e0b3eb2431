//! The elements of a document as far as they matter before a parser sees it: how deep they are nested, and names that
//! MJML does not know.
//!
//! A rough look: what has the form of a start tag is one, comments are left out.

/// Elements that have no end, or whose end may be missing: they can not nest by themselves.
const SHALLOW: [&str; 26] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p", "li",
    "td", "th", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot", "colgroup", "caption",
];

/// A start or end tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'t> {
    pub(crate) offset: usize,
    pub(crate) name: &'t str,
    kind: Kind,
}

impl Tag<'_> {
    pub(crate) fn is_start(&self) -> bool {
        self.kind != Kind::End
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Start,
    End,
    Empty,
}

/// The tags in order.
pub(crate) fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let offset = at + text[at..].find('<')?;
            let rest = &text[offset + 1..];
            at = offset + 1;
            if let Some(comment) = rest.strip_prefix("!--") {
                at += comment.find("-->").map_or(rest.len(), |end| end + 6);
                continue;
            }
            let inner = rest.strip_prefix('/').unwrap_or(rest);
            if !inner.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                continue;
            }
            let len = tag_len(rest);
            at += len;
            let kind = match (rest.len() > inner.len(), rest[..len].ends_with('/')) {
                (true, _) => Kind::End,
                (false, true) => Kind::Empty,
                (false, false) => Kind::Start,
            };
            let name = inner.split(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '>')).next();
            return Some(Tag { offset, name: name.unwrap_or_default(), kind });
        }
    })
}

/// The offset of the first conditional comment (Outlook's) that is not written as one: htmlparser (below mrml) panics on it.
pub(crate) fn broken_condition(text: &str) -> Option<usize> {
    let opening = |offset: usize| {
        let openings = ["<!--[if", "<![if", "<![endif", "<!--<![endif"];
        openings.into_iter().find(|opening| text[offset..].starts_with(opening))
    };
    let broken = |&offset: &usize| {
        opening(offset).is_some_and(|opening| {
            let behind = &text[offset + opening.len()..];
            let end =
                behind.split_once(']').map(|(condition, end)| (condition.is_empty() || opening.ends_with("[if"), end));
            !matches!(end, Some((true, end)) if end.starts_with('>') || end.starts_with("-->"))
        })
    };
    text.match_indices('<').map(|(offset, _)| offset).find(broken)
}

/// The offset of the first element deeper than `max`.
pub(crate) fn too_deep(text: &str, max: usize) -> Option<usize> {
    too_deep_of(tags(text), max)
}

/// The same among some of the tags.
pub(crate) fn too_deep_of<'t>(tags: impl Iterator<Item = Tag<'t>>, max: usize) -> Option<usize> {
    let mut depth: usize = 0;
    for tag in tags {
        match tag.kind {
            _ if SHALLOW.iter().any(|name| name.eq_ignore_ascii_case(tag.name)) => {}
            Kind::Start => depth += 1,
            Kind::End => depth = depth.saturating_sub(1),
            Kind::Empty => {}
        }
        if depth > max {
            return Some(tag.offset);
        }
    }
    None
}

/// Where the innermost element of MJML begins that is never closed, and its name.
pub(crate) fn unclosed(text: &str) -> Option<(usize, &str)> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    for tag in tags(text).filter(|tag| tag.name.starts_with("mj")) {
        match tag.kind {
            Kind::Start => open.push((tag.offset, tag.name)),
            Kind::End => {
                if let Some(place) = open.iter().rposition(|(_, name)| *name == tag.name) {
                    open.truncate(place);
                }
            }
            Kind::Empty => {}
        }
    }
    open.pop()
}

/// Length of a start tag up to its `>`, which may stand in quotes.
fn tag_len(rest: &str) -> usize {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(too_deep(&nested(5), 5), None);
        assert_eq!(too_deep(&nested(6), 5), Some(15));
        for flat in [
            "<br><br><br><a/><a x='/>'></a>",
            "<a></a><a></a><a></a>",
            "<!-- <a><a><a> --><a>",
            "a < b < c",
            "<a",
            "<!--",
        ] {
            assert_eq!(too_deep(flat, 1), None, "{flat}");
        }
        assert_eq!(too_deep("<a><b x='>'/><b><c>", 2), Some(16));
        assert_eq!(tags("<!-- <a> --><mj-x y>z</mj-x>").map(|tag| tag.name).collect::<Vec<_>>(), ["mj-x", "mj-x"]);
    }
}
