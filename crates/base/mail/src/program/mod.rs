//! A whole mail as a program: compiled once, rendered for each recipient at delivery.

mod source;

pub use source::{
    Attachment, Author, ExtraHeader, SOURCE_VERSION, Source, SourceError, TrackingSwitches, UnsubscribeWays,
};

use model::id::{ContactId, MessageId, RecipientId};
use model::time::Timestamp;
use model::value::Value;

use crate::token::Keys;

/// A compiled mail; cheap to render, safe to share between tasks.
#[derive(Debug)]
pub struct Program {
    slots: Vec<String>,
    links: Vec<Link>,
}

/// One link of the HTML, in the order of the text. Its number is its place in [`Program::links`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its address as written; with Liquid inside when [`Link::personal`].
    pub url: String,
    /// The address is made for each recipient and travels sealed inside the token.
    pub personal: bool,
}

/// What is known of one recipient at delivery.
#[derive(Clone, Copy, Debug)]
pub struct Personal<'a> {
    /// The message.
    pub message: MessageId,
    /// The recipient.
    pub recipient: RecipientId,
    /// The contact behind it.
    pub contact: Option<ContactId>,
    /// The address for the To header.
    pub address: &'a str,
    /// One value for each slot, in the order of [`Program::slots`]; missing ones are Null.
    pub values: &'a [Value],
    /// The time in the Date header.
    pub at: Timestamp,
    /// What tokens are sealed with. Absent: links lead straight to their target, nothing is observed and nobody can
    /// unsubscribe, which is right for previews and test mails only.
    pub keys: Option<&'a Keys>,
}

/// A mail as a person will see it, for the UI: links lead straight to their target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The subject, unencoded.
    pub subject: String,
    /// The preheader, unencoded.
    pub preheader: String,
    /// The HTML part, without the pixel; empty when there is none.
    pub html: String,
    /// The text part.
    pub text: String,
    /// Paths of variables that printed as nothing because nothing is known of them.
    pub undefined: Vec<String>,
}

/// A part of a [`Source`], for error messages.
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

/// One thing that is wrong with a [`Source`].
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

/// Why a [`Source`] does not compile: at least one fault.
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
    #[error("{0}")]
    Limit(String),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Header(name) => write!(f, "header {name}"),
            other => f.write_str(other.as_str()),
        }
    }
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

impl Source {
    /// Compiles; the one place where HTML is parsed.
    ///
    /// # Errors
    /// [`ProgramError`] with every fault of every part: for the author of the mail.
    pub fn compile(&self) -> Result<Program, ProgramError> {
        todo!("in the next commits")
    }

    /// Compiles and writes the found slots into [`Source::slots`], so that the rows of the recipients keep their
    /// meaning. To be called once, before the first row is written.
    ///
    /// # Errors
    /// As [`Source::compile`].
    pub fn freeze(&mut self) -> Result<Program, ProgramError> {
        let program = self.compile()?;
        self.slots = program.slots().to_vec();
        Ok(program)
    }
}

impl Program {
    /// Paths of the variables it needs, dotted (`contact.first_name`): one value for each in a recipient's row.
    pub fn slots(&self) -> &[String] {
        &self.slots
    }

    /// The values of a recipient's row, found by path in `root` (an object; Liquid's `size`, `first`, `last` work).
    pub fn values(&self, root: &Value) -> Vec<Value> {
        let _ = root;
        todo!("in the next commits")
    }

    /// The link table: a click token carries the place in it.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Appends the complete message (RFC 5322, CRLF) for one recipient.
    ///
    /// # Errors
    /// [`RenderError`]; what was appended so far is cut off again.
    pub fn render(&self, personal: &Personal<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let _ = (personal, out);
        todo!("in the next commits")
    }

    /// Paths of the variables that would print as nothing for this recipient because nothing is known of them.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn undefined(&self, personal: &Personal<'_>) -> Result<Vec<String>, RenderError> {
        let _ = personal;
        todo!("in the next commits")
    }

    /// The mail as its recipient will see it.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn preview(&self, personal: &Personal<'_>) -> Result<Preview, RenderError> {
        let _ = personal;
        todo!("in the next commits")
    }
}
