//! The one pass over the HTML, at compiling: finds links and the body, puts in what is written at rendering.
//!
//! lol_html only looks, it never rewrites: it sees the text with every Liquid mark replaced by one letter, and tells
//! where addresses and the body stand. So what is not a link goes out byte for byte as its author wrote it.
//!
//! Followed: `a href` and `area href` that begin with `http://` or `https://`, and those that begin with a Liquid value
//! (checked when it is known), except for `{{ unsubscribe_url }}`. Left alone: `mailto:`, `tel:`, `#…`, relative
//! addresses, and everything inside HTML comments (Outlook's conditional ones included).
//! Limits: [`LINKS_MAX`].

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use lol_html::html_content::{Element, EndTag};
use lol_html::{HtmlRewriter, MemorySettings, Settings, doctype, element, end_tag};

use super::{Link, entity};
use crate::merge::{LinkSegment, Place, Segment, TemplateError, escape_html, escape_url};

/// Most links of one mail.
pub const LINKS_MAX: usize = 2_000;

/// Memory that lol_html may take: a start tag is held as a whole.
const TAG_MEMORY_MAX: usize = 4 * 1024 * 1024;

/// Keeps the inbox from showing the text behind a short preheader.
const PREHEADER_PAD: &str = "&#847;&zwnj;&nbsp;";
const PREHEADER_PADS: usize = 60;

/// Replaces the addresses of links; appends to the link table.
pub(super) fn links(html: Vec<Segment>, links: &mut Vec<Link>) -> Result<Vec<Segment>, TemplateError> {
    let flat = Flat::new(html);
    let mut edits = Vec::new();
    for range in look(&flat.text)?.hrefs {
        let address = flat.slice(&range);
        let Some((link, segment)) = link(address, links.len())? else { continue };
        links.push(link);
        edits.push((range, vec![Segment::Link(segment)]));
    }
    Ok(flat.with(edits))
}

/// Puts the preheader and the pixel at the top of the body.
pub(super) fn top(html: Vec<Segment>, preheader: &[Segment], pixel: bool) -> Result<Vec<Segment>, TemplateError> {
    let mut top = Vec::new();
    if !preheader.is_empty() {
        let style = "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all;font-size:1px;line-height:1px";
        top.push(Segment::Static(format!("<div style=\"{style}\" aria-hidden=\"true\">")));
        for segment in preheader {
            top.push(match segment {
                Segment::Static(text) => {
                    let mut escaped = String::new();
                    escape_html(text, &mut escaped);
                    Segment::Static(escaped)
                }
                other => other.clone(),
            });
        }
        top.push(Segment::Static(format!("{}</div>", PREHEADER_PAD.repeat(PREHEADER_PADS))));
    }
    if pixel {
        top.push(Segment::Pixel);
    }
    if top.is_empty() {
        return Ok(html);
    }
    let flat = Flat::new(html);
    let at = look(&flat.text)?.top;
    Ok(flat.with(vec![(at..at, top)]))
}

/// A template as lol_html sees it.
struct Flat {
    text: String,
    /// Each segment and where it begins in `text`.
    segments: Vec<(usize, Segment)>,
}

impl Flat {
    fn new(html: Vec<Segment>) -> Self {
        let mut flat = Flat { text: String::new(), segments: Vec::with_capacity(html.len()) };
        for segment in html {
            let start = flat.text.len();
            match &segment {
                Segment::Static(text) => flat.text.push_str(text),
                // A value stands for a letter, a tag for nothing: `<a {% if x %}href=…` has an attribute `href`.
                Segment::Output { .. } | Segment::Link(_) => flat.text.push('x'),
                Segment::Tag { .. } | Segment::Pixel => flat.text.push(' '),
            }
            flat.segments.push((start, segment));
        }
        flat
    }

    /// The segments of a range; statics are cut.
    fn slice(&self, range: &Range<usize>) -> Vec<Segment> {
        let first = self.segments.partition_point(|(start, _)| *start <= range.start).saturating_sub(1);
        let mut found = Vec::new();
        for (start, segment) in &self.segments[first..] {
            if *start >= range.end {
                break;
            }
            match segment {
                Segment::Static(text) => {
                    let from = range.start.saturating_sub(*start).min(text.len());
                    let to = (range.end - start).min(text.len());
                    if from < to {
                        found.push(Segment::Static(text[from..to].to_owned()));
                    }
                }
                other if *start >= range.start => found.push(other.clone()),
                _ => {}
            }
        }
        found
    }

    /// The template with ranges replaced; they are in order and do not overlap.
    fn with(&self, edits: Vec<(Range<usize>, Vec<Segment>)>) -> Vec<Segment> {
        let mut out = Vec::with_capacity(self.segments.len() + 2 * edits.len());
        let mut at = 0;
        for (range, put) in edits {
            out.extend(self.slice(&(at..range.start)));
            out.extend(put);
            at = range.end;
        }
        out.extend(self.slice(&(at..self.text.len())));
        out
    }
}

/// What an address becomes: an entry of the link table and what is written in its place; nothing when it is left alone.
fn link(mut address: Vec<Segment>, index: usize) -> Result<Option<(Link, LinkSegment)>, TemplateError> {
    for (at, segment) in address.iter_mut().enumerate() {
        if let Segment::Static(text) = segment {
            let decoded = entity::decode(text);
            *text = if at == 0 { decoded.trim_start().to_owned() } else { decoded };
        }
    }
    address.retain(|segment| !matches!(segment, Segment::Static(text) if text.is_empty()));
    let followed = match address.first() {
        Some(Segment::Static(text)) => is_web(text),
        Some(Segment::Output { inner, .. }) => !inner.trim_start().starts_with(super::UNSUBSCRIBE_URL),
        Some(Segment::Tag { .. }) => true,
        _ => false,
    };
    if !followed {
        return Ok(None);
    }
    let Some(number) = u16::try_from(index).ok().filter(|_| index < LINKS_MAX) else {
        return Err(Place::START.error(format!("more than {LINKS_MAX} links")));
    };
    let personal = address.iter().any(|segment| !matches!(segment, Segment::Static(_)));
    let written: String = address.iter().map(Segment::written).collect();
    if personal {
        return Ok(Some((Link { url: written, personal }, LinkSegment { index: number, address })));
    }
    let link = Link { url: escape_url(written.trim_end()), personal };
    Ok(Some((link, LinkSegment { index: number, address: Vec::new() })))
}

/// True for an address that our endpoint may lead to.
pub(super) fn is_web(address: &str) -> bool {
    let begins = |scheme: &str| {
        address.as_bytes().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    begins("https://") || begins("http://")
}

#[derive(Debug, Default)]
struct Seen {
    hrefs: Vec<Range<usize>>,
    /// Where the visible content begins: behind `<body>`, or else behind `</head>`, `<html>` or the doctype.
    top: usize,
    body: bool,
}

impl Seen {
    fn top_is(&mut self, at: usize) {
        if !self.body {
            self.top = at;
        }
    }
}

fn look(text: &str) -> Result<Seen, TemplateError> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (links, tops, heads, doctypes) = (seen.clone(), seen.clone(), seen.clone(), seen.clone());
    let memory = MemorySettings::new().with_max_allowed_memory_usage(TAG_MEMORY_MAX);
    let settings = Settings::new()
        .append_document_content_handler(doctype!(move |doctype| {
            doctypes.borrow_mut().top_is(doctype.source_location().bytes().end);
            Ok(())
        }))
        .append_element_content_handler(element!("html, body", move |element: &mut Element<'_, '_>| {
            let mut seen = tops.borrow_mut();
            seen.top_is(element.source_location().bytes().end);
            seen.body |= element.tag_name() == "body";
            Ok(())
        }))
        .append_element_content_handler(element!("head", move |element: &mut Element<'_, '_>| {
            let heads = heads.clone();
            element.on_end_tag(end_tag!(move |end: &mut EndTag<'_>| {
                heads.borrow_mut().top_is(end.source_location().bytes().end);
                Ok(())
            }))
        }))
        .append_element_content_handler(element!("a[href], area[href]", move |element: &mut Element<'_, '_>| {
            let hrefs = element.attributes().iter().filter(|attribute| attribute.name() == "href");
            let ranges = hrefs.filter_map(|attribute| Some(attribute.value_source_location()?.bytes()));
            links.borrow_mut().hrefs.extend(ranges);
            Ok(())
        }))
        .with_strict(false)
        .with_memory_settings(memory);
    let refuse =
        |error: lol_html::errors::RewritingError| Place::START.error(format!("the HTML can not be read: {error}"));
    let mut looker = HtmlRewriter::new(settings, |_: &[u8]| {});
    looker.write(text.as_bytes()).map_err(refuse)?;
    looker.end().map_err(refuse)?;
    Ok(seen.take())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::lex;

    fn shown(segments: &[Segment]) -> String {
        segments
            .iter()
            .map(|segment| match segment {
                Segment::Link(link) if link.address.is_empty() => format!("[{}]", link.index),
                Segment::Link(link) => {
                    format!("[{} {}]", link.index, link.address.iter().map(Segment::written).collect::<String>())
                }
                Segment::Pixel => "[pixel]".to_owned(),
                other => other.written(),
            })
            .collect()
    }

    #[track_caller]
    fn check(html: &str, expected: &str, table: &[&str]) {
        let mut found = Vec::new();
        assert_eq!(shown(&links(lex(html).unwrap(), &mut found).unwrap()), expected);
        assert_eq!(found.iter().map(|link| link.url.as_str()).collect::<Vec<_>>(), table);
    }

    #[test]
    fn addresses_that_are_followed() {
        check(
            r#"<A HREF='https://x.example/a b?c=1&amp;d=2#f' class=x>é</A><area href=HTTP://y.example/>"#,
            r#"<A HREF='[0]' class=x>é</A><area href=[1]>"#,
            &["https://x.example/a%20b?c=1&d=2#f", "HTTP://y.example/"],
        );
        check(
            r#"<a href="https://x/{{ p.id }}?a=1&amp;b={{ n | url_encode }}">{{ n }}</a>"#,
            r#"<a href="[0 https://x/{{ p.id }}?a=1&b={{ n | url_encode }}]">{{ n }}</a>"#,
            &["https://x/{{ p.id }}?a=1&b={{ n | url_encode }}"],
        );
        check(r#"<a href="{{ p.url }}">"#, r#"<a href="[0 {{ p.url }}]">"#, &["{{ p.url }}"]);
        check(
            r#"<a {% if x %}href="https://a/"{% else %}href="https://b/"{% endif %}>"#,
            r#"<a {% if x %}href="[0]"{% else %}href="[1]"{% endif %}>"#,
            &["https://a/", "https://b/"],
        );
        check(
            r#"{% if 1 < 2 %}<a href="https://a/">{% endif %}"#,
            r#"{% if 1 < 2 %}<a href="[0]">{% endif %}"#,
            &["https://a/"],
        );
    }

    #[test]
    fn addresses_that_are_left_alone() {
        let html = r##"<a href="mailto:a@example.com?subject={{ s }}"><a href="tel:1"><a href="#top"><a href="/x"><a href="//x/">
            <a href=""><a href><a href="{{ unsubscribe_url }}"><a href="{{unsubscribe_url}}?x"><a href="javascript:x">
            <link href="https://x/"><!-- <a href="https://x/"> --><!--[if mso]><a href="https://x/"></a><![endif]-->"##;
        check(html, html, &[]);
    }

    #[track_caller]
    fn check_top(html: &str, expected: &str) {
        let preheader = lex("Hi <{{ name }}>").unwrap();
        let text = shown(&top(lex(html).unwrap(), &preheader, true).unwrap());
        let start = text.find("<div style=\"display:none").unwrap();
        let end = text.find("[pixel]").unwrap();
        assert!(text[start..end].contains(">Hi &lt;{{ name }}&gt;&#847;"));
        assert_eq!(format!("{}TOP{}", &text[..start], &text[end + 7..]), expected);
    }

    #[test]
    fn the_top_of_the_body() {
        check_top(
            "<html><head>x</head><body id=\"{{ c }}\">y</body>",
            "<html><head>x</head><body id=\"{{ c }}\">TOPy</body>",
        );
        check_top("<!doctype html><html><head>x</head>y", "<!doctype html><html><head>x</head>TOPy");
        check_top("<!doctype html><p>y", "<!doctype html>TOP<p>y");
        check_top("{{ x }}y", "TOP{{ x }}y");
        check_top("", "TOP");
    }
}
