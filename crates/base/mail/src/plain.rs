//! The plain text of HTML, with its Liquid kept in place.
//!
//! Liquid marks travel through lol_html and html2text as short words of two letters that no mail contains. Layout tables
//! become blocks, cells of other tables stand in one line, hidden parts are left out, a link is `text (address)`.
//! Known gaps: white space inside of `pre`; a link whose text is its address shows it twice.

use html2text::render::TextDecorator;
use lol_html::html_content::ContentType;
use lol_html::{RewriteStrSettings, element, rewrite_str};

use crate::merge::Segment;
use crate::mjml::{HTML_DEPTH_MAX, tags};

/// Around the number of a Liquid mark: the last private-use letters of Unicode.
const OPEN: char = '\u{10FFF0}';
const CLOSE: char = '\u{10FFF1}';

/// Lines are not wrapped: the reader's program does it better.
const WIDTH: usize = 100_000;

/// The text of a template.
///
/// # Errors
/// A sentence, when the HTML can not be read.
pub(crate) fn of_segments(html: &[Segment]) -> Result<Vec<Segment>, String> {
    let mut marked = String::new();
    for (index, segment) in html.iter().enumerate() {
        match segment {
            Segment::Static(text) => marked.extend(text.chars().filter(|letter| *letter != OPEN && *letter != CLOSE)),
            _ => marked.push_str(&format!("{OPEN}{index}{CLOSE}")),
        }
    }
    if tags::too_deep(&marked, HTML_DEPTH_MAX).is_some() {
        return Err(format!("elements are nested deeper than {HTML_DEPTH_MAX}"));
    }
    let flat = flattened(&marked)?;
    let text = html2text::config::with_decorator(Decorator::default())
        .allow_width_overflow()
        .no_table_borders()
        .no_link_wrapping()
        .link_footnotes(false)
        .empty_img_mode(html2text::config::ImageRenderMode::IgnoreEmpty)
        .string_from_read(flat.as_bytes(), WIDTH)
        .map_err(|error| format!("no text can be made of the HTML: {error}"))?;
    Ok(segments_of(&text, html))
}

/// What a reader of the text does not need.
const LEFT_OUT: &str = "head, style, script, template, title, colgroup, col, input, select, button, [hidden], \
    [style*=\"display:none\"], [style*=\"display: none\"]";

/// Cells that only place things on the page.
const LAYOUT_CELLS: &str = "table[role=\"presentation\"] > tbody > tr > td, table[role=\"presentation\"] > tr > td";

/// Takes out what is not read and what html2text would draw.
fn flattened(html: &str) -> Result<String, String> {
    let settings = RewriteStrSettings::new()
        .append_element_content_handler(element!(LEFT_OUT, |element| {
            element.remove();
            Ok(())
        }))
        .append_element_content_handler(element!("hr", |element| {
            element.replace("<p>----------</p>", ContentType::Html);
            Ok(())
        }))
        .append_element_content_handler(element!(LAYOUT_CELLS, |element| {
            element.set_tag_name("div")?;
            // A blank line behind each; of several, one is kept.
            element.append("<p>&nbsp;</p>", ContentType::Html);
            Ok(())
        }))
        .append_element_content_handler(element!("table, thead, tbody, tfoot, tr, caption", |element| {
            Ok(element.set_tag_name("div")?)
        }))
        .append_element_content_handler(element!("td, th", |element| {
            // Layout cells are blocks by now.
            if element.tag_name() != "div" {
                element.set_tag_name("span")?;
                element.append(" ", ContentType::Text);
            }
            Ok(())
        }));
    rewrite_str(html, settings).map_err(|error| format!("the HTML can not be read: {error}"))
}

/// Puts the marks back, line by line.
fn segments_of(text: &str, html: &[Segment]) -> Vec<Segment> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines() {
        let line = Line::new(line, html);
        let after_blank = lines.last().is_none_or(|last| last.kind == Kind::Blank);
        if line.kind != Kind::Blank || !after_blank {
            lines.push(line);
        }
    }
    while lines.last().is_some_and(|line| line.kind == Kind::Blank) {
        lines.pop();
    }
    let mut segments = Vec::new();
    for line in lines {
        segments.extend(line.segments);
        // A line of tags alone prints nothing, so it shall not leave an empty line behind.
        if line.kind != Kind::Tags {
            push_text("\n", &mut segments);
        }
    }
    segments
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Tags,
    Text,
}

struct Line {
    segments: Vec<Segment>,
    kind: Kind,
}

impl Line {
    fn new(line: &str, html: &[Segment]) -> Self {
        let line = line.replace('\u{a0}', " ");
        let mut segments = Vec::new();
        let mut rest = line.trim_end();
        while let Some((before, behind)) = rest.split_once(OPEN) {
            push_text(before, &mut segments);
            let Some((number, behind)) = behind.split_once(CLOSE) else { break };
            segments.extend(number.parse::<usize>().ok().and_then(|index| html.get(index)).cloned());
            rest = behind;
        }
        push_text(rest, &mut segments);
        let blank = |segment: &Segment| matches!(segment, Segment::Static(text) if text.trim().is_empty());
        let kind = if segments.iter().all(blank) {
            Kind::Blank
        } else if segments.iter().all(|segment| blank(segment) || matches!(segment, Segment::Tag { .. })) {
            Kind::Tags
        } else {
            Kind::Text
        };
        if kind != Kind::Text {
            segments.retain(|segment| !blank(segment));
        }
        Line { segments, kind }
    }
}

fn push_text(text: &str, segments: &mut Vec<Segment>) {
    match segments.last_mut() {
        _ if text.is_empty() => {}
        Some(Segment::Static(last)) => last.push_str(text),
        _ => segments.push(Segment::Static(text.to_owned())),
    }
}

/// Links as `text (address)`, images by their description, nothing else.
#[derive(Clone, Debug, Default)]
struct Decorator {
    links: Vec<String>,
}

impl TextDecorator for Decorator {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.links.push(url.trim().to_owned());
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        let url = self.links.pop().unwrap_or_default();
        let url = url.strip_prefix("mailto:").or(url.strip_prefix("tel:")).unwrap_or(&url);
        if url.is_empty() || url.starts_with('#') { String::new() } else { format!(" ({url})") }
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, title: &str) -> (String, ()) {
        (format!("[{title}]"), ())
    }

    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Decorator::default()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::merge::lex;

    fn check(html: &str, expected: &Expect) {
        let text: String = of_segments(&lex(html).unwrap()).unwrap().iter().map(Segment::written).collect();
        expected.assert_eq(&text);
    }

    #[test]
    fn texts_of_mails() {
        check(
            r##"<html><head><title>No {{ t }}</title><style>a{}</style></head><body><div style="display:none">hidden</div>
            <h1>Hello {{ name | default: "you" }}</h1><p>One&nbsp;two<br>three &amp; four <a href="https://x/?a=1&amp;b={{ n }}">link</a>
            and <a href="#top">top</a>.</p><hr><ul><li>a<li>b</ul><img src=x alt="A shoe"><img src=y alt=""></body></html>"##,
            &expect![[r#"
                Hello {{ name | default: "you" }}

                One two
                three & four link (https://x/?a=1&b={{ n }}) and top.

                ----------
                * a
                * b

                [A shoe]
            "#]],
        );
        check(
            r#"<table role="presentation"><tbody><tr><td><p>left</p></td><td>right</td></tr></tbody></table>
            <table>{% for p in products %}<tr><td>{{ p.title }}</td><td>{{ p.price }} €</td></tr>{% endfor %}</table>
            {% if x %}<p>yes</p>{% else %}<p>no</p>{% endif %}end"#,
            &expect![[r#"
                left

                right

                {% for p in products %}{{ p.title }} {{ p.price }} €
                {% endfor %}{% if x %}
                yes

                {% else %}
                no

                {% endif %}end
            "#]],
        );
        check("", &expect![[r#""#]]);
        check(
            "\u{10FFF0}7\u{10FFF1}{{ a }}",
            &expect![[r#"
            7{{ a }}
        "#]],
        );
    }
}
