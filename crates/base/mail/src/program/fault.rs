//! What can be wrong with a mail: at compiling (for its author), at rendering (for nobody to mend).

use crate::merge;

/// A part of a [`super::Source`], for error messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Subject line.
    Subject,
    /// Preheader.
    Preheader,
    /// Address or display name of the author.
    From,
    /// Display name of the recipient.
    To,
    /// Reply-To.
    ReplyTo,
    /// HTML.
    Html,
    /// Plain text.
    Text,
    /// An extra header, by name.
    Header(String),
    /// The base URL, List-Id, Feedback-ID, the unsubscribe domain, an attachment: what is not written by hand.
    Settings,
}

impl Part {
    /// Its name in JSON answers; for an extra header `header`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Part::Subject => "subject",
            Part::Preheader => "preheader",
            Part::From => "from",
            Part::To => "to",
            Part::ReplyTo => "reply-to",
            Part::Html => "html",
            Part::Text => "text",
            Part::Header(_) => "header",
            Part::Settings => "settings",
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Header(name) => write!(f, "header {name}"),
            other => f.write_str(other.as_str()),
        }
    }
}

/// One thing that is wrong with a [`super::Source`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} line {line} column {column}: {message}")]
pub struct Fault {
    /// Where.
    pub part: Part,
    /// What is wrong, for its author.
    pub message: String,
    /// Line in that part, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Fault {
    pub(super) fn new(part: Part, message: impl Into<String>) -> Self {
        Fault { part, message: message.into(), line: 1, column: 1 }
    }

    pub(super) fn in_template(part: Part, error: merge::TemplateError) -> Self {
        Fault { part, message: error.message, line: error.line, column: error.column }
    }
}

/// Why a [`super::Source`] does not compile: at least one fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ProgramError {
    /// All that was found, in the order of the parts.
    pub faults: Vec<Fault>,
}

/// Why a mail could not be rendered for this recipient: it will not be better at the next attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A limit on steps, loops or output was reached.
    #[error("{part} line {line} column {column}: stopped at the limit of {limit} {what}")]
    Limit {
        /// In which part.
        part: Part,
        /// Of what there was too much.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// Line in that part, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
}

impl RenderError {
    pub(super) fn in_template(part: Part, error: &merge::RenderError) -> Self {
        let merge::RenderError { what, limit, line, column } = *error;
        RenderError::Limit { part, what, limit, line, column }
    }
}
