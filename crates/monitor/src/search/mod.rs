//! The language of the search box: words, quoted texts, `field:value`, comparisons, `-`, `OR`, parentheses.
//!
//! ```text
//! provider:gmail kind:deferred "unusual rate"      all of these
//! kind:deferred,bounced   kind:bounced OR kind:expired   -source:ip-3   (a OR b) c
//! address:zoe@example.fr  address:@example.fr  mx_host:gmail*  note:*   present
//! code:421  queued>30s  size>=1MB  attempt:2..5   enhanced:4.7.*   family:reputation
//! ```
//!
//! Words stand side by side: all must hold; `OR` binds weaker. `or`, `and`, `not` in small letters are operators beside a
//! field or a parenthesis, and words among words. A bare word or quoted text is looked for in replies,
//! error texts and notes; one that looks like an address, an id or a code finds that, too.
//! Errors name the character and, where there is a near one, the word that was probably meant.
//! Limits: [`QUERY_CHARS_MAX`], [`DEPTH_MAX`]; those of filters are the store's.

mod fields;
mod lexer;
mod parser;
mod terms;

use lexer::{Kind, Op};
use store::{Field, Filter};

/// Longest search, in characters.
pub const QUERY_CHARS_MAX: usize = 2_000;
/// Deepest nesting of parentheses and negations.
pub const DEPTH_MAX: usize = 24;

/// What is wrong with a search, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, utoipa::ToSchema)]
#[error("{message} (character {})", .position + 1)]
pub struct SearchError {
    /// Place of the first wrong character, from 0.
    pub position: usize,
    /// How many characters are concerned.
    pub length: usize,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What was probably meant, to put in place of these characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// Characters `start..end` of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn error(self, message: impl Into<String>) -> SearchError {
        let length = self.end.saturating_sub(self.start);
        SearchError { position: self.start, length, message: message.into(), suggestion: None }
    }

    fn suggest(self, message: impl Into<String>, suggestion: Option<&str>) -> SearchError {
        SearchError { suggestion: suggestion.map(str::to_owned), ..self.error(message) }
    }
}

/// The filter that a search means. An empty search means everything.
///
/// # Errors
/// [`SearchError`]: what is wrong, where, and what was probably meant.
pub fn parse(search: &str) -> Result<Filter, SearchError> {
    if search.chars().count() > QUERY_CHARS_MAX {
        let span = Span { start: QUERY_CHARS_MAX, end: search.chars().count() };
        return Err(span.error(format!("a search has at most {QUERY_CHARS_MAX} characters")));
    }
    let tokens = lexer::tokens(search)?;
    let filter = parser::Parser::new(&tokens, search.chars().count()).parse()?;
    let whole = Span { start: 0, end: search.chars().count() };
    filter.check("search").map_err(|error| whole.error(error.to_string()))?;
    Ok(filter)
}

/// A value that a search names exactly, of a field whose values are few and not fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedValue {
    pub field: Field,
    pub value: String,
    pub position: usize,
    pub length: usize,
}

/// The values of such fields, in the order of the search; none when it is wrong.
pub(crate) fn named_values(search: &str) -> Vec<NamedValue> {
    let mut found = Vec::new();
    if parse(search).is_err() {
        return found;
    }
    for token in lexer::tokens(search).unwrap_or_default() {
        let Kind::Field { name, op: Op::Has | Op::Is, values } = token.kind else { continue };
        let Some(field) = fields::open_field(&name.text) else { continue };
        let exact = values.into_iter().filter(|value| value.quoted || !value.text.contains('*'));
        found.extend(exact.map(|value| NamedValue {
            field,
            position: value.span.start,
            length: value.span.end - value.span.start,
            value: value.text,
        }));
    }
    found
}

#[cfg(test)]
mod tests;
