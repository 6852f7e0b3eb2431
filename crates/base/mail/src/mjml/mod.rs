//! MJML to HTML, and style sheets into attributes; Liquid passes through both unchanged.
//!
//! Done once per mail, never per recipient. Nothing is fetched: `mj-include` and linked style sheets are refused or
//! left alone. MJML is rendered by mrml, styles are put into attributes by css-inline. (Text is made by `crate::plain`.)
//!
//! Limits: [`MJML_BYTES_MAX`], [`MJML_DEPTH_MAX`], [`MJML_HTML_DEPTH_MAX`], [`HTML_DEPTH_MAX`] (the libraries recurse, or grow slow).
//! Known gaps (mrml's): `mj-html-attributes`, custom elements; attribute values are not checked.

mod marks;
pub(crate) mod tags;

use mrml::mj_head::MjHeadChild;
use mrml::prelude::parser::{self, ParserOptions, WarningKind};
use mrml::prelude::render::RenderOptions;

use crate::merge::Place;
use marks::Protected;

/// Longest MJML or HTML that is read, in bytes.
pub const MJML_BYTES_MAX: usize = crate::merge::TEMPLATE_BYTES_MAX;

/// Deepest nesting of MJML's own elements (seven make sense).
pub const MJML_DEPTH_MAX: usize = 20;

/// Deepest nesting of all elements of an MJML document.
pub const MJML_HTML_DEPTH_MAX: usize = 64;

/// Deepest nesting of elements in HTML.
pub const HTML_DEPTH_MAX: usize = 300;

/// Most unknown elements that are told of.
const WARNINGS_MAX: usize = 100;

/// What MJML knows and mrml takes. Other names that begin with `mj-` are typing errors, or parts that have no effect.
const ELEMENTS: [&str; 33] = [
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-text",
    "mj-accordion-title",
    "mj-all",
    "mj-attributes",
    "mj-body",
    "mj-breakpoint",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-class",
    "mj-column",
    "mj-divider",
    "mj-font",
    "mj-group",
    "mj-head",
    "mj-hero",
    "mj-image",
    "mj-include",
    "mj-navbar",
    "mj-navbar-link",
    "mj-preview",
    "mj-raw",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-style",
    "mj-table",
    "mj-text",
    "mj-title",
    "mj-wrapper",
];

/// What was made of an MJML document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The HTML, with the Liquid of the document.
    pub html: String,
    /// What was ignored.
    pub warnings: Vec<Warning>,
}

/// Something in the document that has no effect.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// A name that does not change: `unexpected-attribute`.
    pub kind: String,
    /// A sentence for the author.
    pub message: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A document that can not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: {message}")]
pub struct MjmlError {
    /// A name that does not change: `unexpected-element`, `too-deep` …
    pub code: &'static str,
    /// A sentence for the author.
    pub message: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Renders MJML.
///
/// # Errors
/// [`MjmlError`] with the place, for the author of the document.
pub fn render(mjml: &str) -> Result<Rendered, MjmlError> {
    check_size(mjml)?;
    let protected = Protected::words(mjml);
    let place = |offset: usize| place_of(mjml, protected.original_offset(offset));
    let own = tags::tags(&protected.text).filter(|tag| tag.name.starts_with("mj"));
    check_depth(tags::too_deep_of(own, MJML_DEPTH_MAX), MJML_DEPTH_MAX, &place)?;
    check_depth(tags::too_deep(&protected.text, MJML_HTML_DEPTH_MAX), MJML_HTML_DEPTH_MAX, &place)?;
    if let Some(offset) = tags::broken_condition(&protected.text) {
        let what = "a conditional comment must look like `<!--[if mso]>` or `<![endif]-->`";
        return Err(error("syntax", what.to_owned(), place(offset)));
    }
    let parsed = mrml::parse_with_options(&protected.text, &ParserOptions::default())
        .map_err(|cause| read_error(&cause, &protected.text, &place))
        .map_err(|error| MjmlError { message: protected.restore(&error.message), ..error })?;
    let (mut document, warnings) = (parsed.element, parsed.warnings);
    let inline = take_inline_styles(&mut document);
    let mut html = document
        .render(&RenderOptions::default())
        .map_err(|cause| error("not-renderable", cause.to_string(), Place::START))?;
    html = protected.restore(&html);
    if !inline.is_empty() {
        html = into_attributes(&html, &protected.restore(&inline), false)?;
    }
    let written = |start: usize, end: usize| mjml.get(protected.original_offset(start)..protected.original_offset(end));
    let mut found: Vec<Warning> = unknown_elements(&protected.text, &place);
    for warning in warnings.iter().filter(|warning| warning.kind != WarningKind::InlineStyleUnsupported) {
        let Place { line, column } = place(warning.span.start);
        let what = written(warning.span.start, warning.span.end).unwrap_or_default();
        let message = format!("`{}` has no effect here", what.trim());
        found.push(Warning { kind: warning.kind.as_str().to_owned(), message, line, column });
    }
    found.sort_by_key(|warning| (warning.line, warning.column));
    Ok(Rendered { html, warnings: found })
}

fn unknown_elements(text: &str, place: &dyn Fn(usize) -> Place) -> Vec<Warning> {
    tags::tags(text)
        .filter(|tag| tag.is_start() && tag.name.starts_with("mj-") && !ELEMENTS.contains(&tag.name))
        .map(|tag| {
            let Place { line, column } = place(tag.offset);
            let message = format!("there is no element `{}`", tag.name.chars().take(60).collect::<String>());
            Warning { kind: "unknown-element".to_owned(), message, line, column }
        })
        .take(WARNINGS_MAX)
        .collect()
}

fn check_depth(found: Option<usize>, max: usize, place: &dyn Fn(usize) -> Place) -> Result<(), MjmlError> {
    match found {
        Some(offset) => Err(error("too-deep", format!("elements are nested deeper than {max}"), place(offset))),
        None => Ok(()),
    }
}

/// Moves the rules of `style` elements into `style` attributes, for HTML that was made elsewhere; what can not stand in
/// an attribute (media queries, states) stays in its element.
///
/// # Errors
/// [`MjmlError`] when a style sheet can not be read.
pub fn inline_css(html: &str) -> Result<String, MjmlError> {
    check_size(html)?;
    into_attributes(html, "", true)
}

fn into_attributes(html: &str, extra: &str, from_elements: bool) -> Result<String, MjmlError> {
    let protected = Protected::html(html);
    let place = |offset: usize| place_of(html, protected.original_offset(offset));
    check_depth(tags::too_deep(&protected.text, HTML_DEPTH_MAX), HTML_DEPTH_MAX, &place)?;
    let inliner = css_inline::CSSInliner::options()
        .inline_style_tags(from_elements)
        .keep_style_tags(true)
        .remove_inlined_selectors(from_elements)
        .keep_link_tags(true)
        .load_remote_stylesheets(false)
        .extra_css((!extra.is_empty()).then(|| extra.to_owned().into()))
        .build();
    let made = inliner.inline(&protected.text);
    let made =
        made.map_err(|cause| error("bad-css", format!("a style sheet can not be read: {cause}"), Place::START))?;
    let unordered = || {
        let why = "Liquid tags between attributes can not stand together with styles that go into attributes";
        error("unordered-liquid", why.to_owned(), Place::START)
    };
    protected.restore_ordered(&made).ok_or_else(unordered)
}

/// Takes the rules of `<mj-style inline="inline">` out of the document: mrml does not apply them.
fn take_inline_styles(mjml: &mut mrml::mjml::Mjml) -> String {
    let mut rules = String::new();
    if let Some(head) = &mut mjml.children.head {
        head.children.retain(|child| match child {
            MjHeadChild::MjStyle(style) if style.attributes.inline.as_deref() == Some("inline") => {
                rules.push_str(&style.children);
                false
            }
            _ => true,
        });
    }
    rules
}

fn check_size(text: &str) -> Result<(), MjmlError> {
    if text.len() <= MJML_BYTES_MAX {
        return Ok(());
    }
    Err(error("too-long", format!("longer than {MJML_BYTES_MAX} bytes"), Place::START))
}

fn error(code: &'static str, message: String, place: Place) -> MjmlError {
    MjmlError { code, message, line: place.line, column: place.column }
}

fn place_of(text: &str, offset: usize) -> Place {
    Place::START.after(&text[..text.floor_char_boundary(offset)])
}

/// What mrml says, in words for the author, with the place.
fn read_error(cause: &parser::Error, text: &str, place: &dyn Fn(usize) -> Place) -> MjmlError {
    // The span of an element is that of its name.
    let bracket = |start: usize| start - usize::from(text[..start].ends_with('<'));
    let at = |position: &parser::Span| place(text.get(..position.start).map_or(0, |_| bracket(position.start)));
    let what = |position: &parser::Span| {
        let piece: String = text.get(position.start..position.end).unwrap_or_default().chars().take(60).collect();
        piece.trim_start_matches('<').trim().to_owned()
    };
    match cause {
        parser::Error::UnexpectedElement { position, .. } => {
            error("unexpected-element", format!("the element `{}` can not stand here", what(position)), at(position))
        }
        parser::Error::UnexpectedToken { position, .. } => {
            error("unexpected-token", format!("`{}` can not stand here", what(position)), at(position))
        }
        parser::Error::MissingAttribute { name, position, .. } => {
            error("missing-attribute", format!("the attribute `{name}` is missing"), at(position))
        }
        parser::Error::InvalidAttribute { position, .. } => {
            error("invalid-attribute", format!("the attribute `{}` can not be read", what(position)), at(position))
        }
        parser::Error::InvalidFormat { position, .. } => {
            error("invalid-format", format!("`{}` can not be read", what(position)), at(position))
        }
        parser::Error::IncludeLoaderError { position, .. } => {
            error("include", "`mj-include` is not available: paste the content".to_owned(), at(position))
        }
        parser::Error::ParserError { source, .. } => {
            let pos = source.pos();
            let line: usize = text.split_inclusive('\n').take(pos.row as usize - 1).map(str::len).sum();
            let column: usize = text[line..].chars().take(pos.col as usize - 1).map(char::len_utf8).sum();
            let message = source.to_string();
            // "… at 3:9 cause …": that place is one of the protected text.
            let message = message.split_once(" at ").map_or(message.as_str(), |(what, _)| what);
            error("syntax", message.to_owned(), place(line + column))
        }
        parser::Error::EndOfStream { .. } => {
            let (offset, name) = tags::unclosed(text).unwrap_or((text.len(), ""));
            let message = match name {
                "" => "the document ends inside of an element".to_owned(),
                name => format!("the element `{name}` that begins here is never closed"),
            };
            error("unclosed-element", message, place(offset))
        }
        parser::Error::SizeLimit { .. } => error("too-long", "the document is too long".to_owned(), Place::START),
        parser::Error::NoRootNode => error("no-mjml", "there is no `mjml` element".to_owned(), Place::START),
    }
}

#[cfg(test)]
mod tests;
