//! Liquid on its way through parsers that do not know it: each mark becomes a short word and comes back unchanged.
//! So does a `>` that would break the parser of MJML.
//!
//! A mark is `{{ … }}` or `{% … %}` as written; what is never closed is no mark (the merge compiler will tell).

use std::ops::Range;

/// How a mark is written while it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Word,
    /// In the content of HTML, where a parser would move words out of a table.
    Comment,
}

/// A text with its marks put aside.
#[derive(Debug)]
pub(super) struct Protected {
    pub(super) text: String,
    /// What the word of a mark begins with; its number and `qz` follow. Lower-case letters, because parsers fold the
    /// case of names and write rare letters their own way.
    open: String,
    marks: Vec<String>,
    /// For each mark, where it ends in `text` and in the original.
    ends: Vec<(usize, usize)>,
}

impl Protected {
    /// Every mark becomes a word.
    pub(super) fn words(original: &str) -> Self {
        let mut marks = scan(original);
        marks.extend(breaking(original, &marks));
        marks.sort_unstable_by_key(|mark| mark.start);
        Self::new(original, marks, |_| Form::Word)
    }

    /// Marks in the content of HTML become comments, those inside of tags and comments words.
    pub(super) fn html(original: &str) -> Self {
        let mut place = HtmlPlace::Content;
        let mut seen = 0;
        Self::new(original, scan(original), |mark| {
            place = place.after(&original[seen..mark.start]);
            seen = mark.end;
            if matches!(place, HtmlPlace::Content) { Form::Comment } else { Form::Word }
        })
    }

    fn new(original: &str, marks: Vec<Range<usize>>, mut form: impl FnMut(&Range<usize>) -> Form) -> Self {
        // Something that the original does not hold.
        let mut open = "zqies".to_owned();
        while original.contains(&open) {
            open.push('q');
        }
        let mut protected = Protected { text: String::new(), open, marks: Vec::new(), ends: Vec::new() };
        let mut at = 0;
        for mark in marks {
            protected.text.push_str(&original[at..mark.start]);
            let word = format!("{}{}{CLOSE}", protected.open, protected.marks.len());
            match form(&mark) {
                Form::Word => protected.text.push_str(&word),
                Form::Comment => protected.text.push_str(&format!("<!--{word}-->")),
            }
            at = mark.end;
            protected.marks.push(original[mark].to_owned());
            protected.ends.push((protected.text.len(), at));
        }
        protected.text.push_str(&original[at..]);
        protected
    }

    /// The offset in the original of an offset in `text`; of a mark, its start.
    pub(super) fn original_offset(&self, offset: usize) -> usize {
        let next = self.ends.partition_point(|(end, _)| *end <= offset);
        let (end, original) = next.checked_sub(1).map_or((0, 0), |last| self.ends[last]);
        let plain = original + (offset - end);
        match (self.ends.get(next), self.marks.get(next)) {
            (Some((_, original_end)), Some(mark)) => plain.min(original_end - mark.len()),
            _ => plain,
        }
    }

    /// Puts the marks back into what was made of `text`.
    pub(super) fn restore(&self, made: &str) -> String {
        self.put_back(made).0
    }

    /// The same; nothing when the marks come in another order than they were written in.
    pub(super) fn restore_ordered(&self, made: &str) -> Option<String> {
        let (out, order) = self.put_back(made);
        order.is_sorted().then_some(out)
    }

    fn put_back(&self, made: &str) -> (String, Vec<usize>) {
        let mut order = Vec::new();
        let mut out = String::with_capacity(made.len());
        let mut rest = made;
        while let Some((before, behind)) = rest.split_once(&self.open) {
            let Some((number, behind)) = behind.split_once(CLOSE) else { break };
            let index = number.parse().unwrap_or(usize::MAX);
            order.push(index);
            // A comment, or one that stood in a title and was taken for text.
            let around = [("<!--", "-->"), ("&lt;!--", "--&gt;")]
                .into_iter()
                .find_map(|(open, close)| Some((before.strip_suffix(open)?, behind.strip_prefix(close)?)));
            let mark = self.marks.get(index).map_or("", String::as_str);
            // A parser gives an attribute without value an empty one.
            let bare = behind.strip_prefix("=\"\"").filter(|_| mark != ">").unwrap_or(behind);
            let (before, behind) = around.unwrap_or((before, bare));
            out.push_str(before);
            out.push_str(mark);
            rest = behind;
        }
        out.push_str(rest);
        (out, order)
    }
}

/// Ends the word of a mark.
const CLOSE: &str = "qz";

/// Where a text stands in HTML, as far as protection needs to know.
#[derive(Clone, Copy)]
enum HtmlPlace {
    Content,
    Tag,
    Quoted(u8),
    Comment,
}

impl HtmlPlace {
    /// The place behind `text`.
    fn after(mut self, text: &str) -> Self {
        for at in 0..text.len() {
            self = self.step(&text.as_bytes()[at..]);
        }
        self
    }

    /// The place behind the first byte of `rest`.
    fn step(self, rest: &[u8]) -> Self {
        match (self, rest) {
            (HtmlPlace::Content, [b'<', b'!', b'-', b'-', ..]) => HtmlPlace::Comment,
            (HtmlPlace::Content, [b'<', next, ..]) if next.is_ascii_alphabetic() || b"/!?".contains(next) => {
                HtmlPlace::Tag
            }
            (HtmlPlace::Comment, [b'-', b'-', b'>', ..]) => HtmlPlace::Content,
            (HtmlPlace::Tag, [b'>', ..]) => HtmlPlace::Content,
            (HtmlPlace::Tag, [quote @ (b'"' | b'\''), ..]) => HtmlPlace::Quoted(*quote),
            (HtmlPlace::Quoted(quote), [byte, ..]) if *byte == quote => HtmlPlace::Tag,
            (place, _) => place,
        }
    }
}

/// Every `>` outside of the marks that is not the end of a tag, with a letter beyond ASCII close in front of it:
/// htmlparser (below mrml) looks two bytes back from one and panics inside of a letter (`Santé > Nutrition`).
fn breaking(text: &str, marks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut bytes = text.as_bytes().to_vec();
    for mark in marks {
        bytes[mark.clone()].fill(b'x');
    }
    let mut found = Vec::new();
    let mut place = HtmlPlace::Content;
    for at in 0..bytes.len() {
        // The end of a comment is one of its own: seen from here, `-->` has just ended it.
        let is_text = matches!(place, HtmlPlace::Content) && !bytes[..at].ends_with(b"--");
        if bytes[at] == b'>' && is_text && !bytes[at.saturating_sub(2)..at].is_ascii() {
            found.push(at..at + 1);
        }
        place = place.step(&bytes[at..]);
    }
    found
}

fn scan(text: &str) -> Vec<Range<usize>> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(brace) = text[at..].find('{') {
        let start = at + brace;
        let close = match text.as_bytes().get(start + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                at = start + 1;
                continue;
            }
        };
        match text[start + 2..].find(close) {
            Some(len) => {
                at = start + 2 + len + 2;
                marks.push(start..at);
            }
            None => at = start + 2,
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_found_and_offsets_led_back() {
        let original = "a{{ x }}b{% if {{ y %}{{ never";
        let protected = Protected::words(original);
        assert_eq!(protected.text, "azqies0qzbzqies1qz{{ never");
        assert_eq!(protected.original_offset(0), 0);
        assert_eq!(protected.original_offset(3), 1, "inside of a mark");
        assert_eq!(protected.original_offset(9), 8);
        assert_eq!(protected.original_offset(protected.text.len()), original.len());
        assert_eq!(Protected::words("zqiesq {{ x }}").text, "zqiesq zqiesqq0qz");
    }

    #[test]
    fn what_would_break_the_parser_is_put_aside() {
        for (original, expected) in [
            ("<a b=\"é>\">é ></a>é>", "<a b=\"é>\">é zqies0qz</a>ézqies1qz"),
            ("x > y é <b>", "x > y é <b>"),
            ("<!-- é -->é{{ x }}>", "<!-- é -->ézqies0qz>"),
            ("中>=\"\"", "中zqies0qz=\"\""),
        ] {
            let protected = Protected::words(original);
            assert_eq!(protected.text, expected);
            assert_eq!(protected.restore(&protected.text), original);
        }
    }

    #[test]
    fn html_marks_are_comments_in_content_only() {
        let html = "<a href=\"{{ u }}\" {% if x %}b{% endif %}>{{ t }}</a><!-- {{ c }} -->{{ d }}";
        let protected = Protected::html(html);
        assert_eq!(protected.text.matches("<!--zqies").count(), 2);
        assert_eq!(protected.restore(&protected.text), html);
        assert_eq!(protected.restore("<a zqies1qz=\"\">"), "<a {% if x %}>");
        assert_eq!(protected.restore("<title>&lt;!--zqies0qz--&gt;</title>"), "<title>{{ u }}</title>");
    }

    proptest! {
        #[test]
        fn what_is_protected_comes_back(text in "([a-z<>\"'!-]|\\{\\{|\\}\\}|\\{%|%\\}|\\PC){0,80}") {
            for protected in [Protected::words(&text), Protected::html(&text)] {
                prop_assert_eq!(protected.restore(&protected.text), text.clone());
                for offset in 0..=protected.text.len() {
                    prop_assert!(protected.original_offset(offset) <= text.len());
                }
            }
        }
    }
}
