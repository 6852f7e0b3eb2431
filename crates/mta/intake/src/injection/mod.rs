//! Injection: mail of programs, as JSON, becomes submissions; over HTTP, as lines of a stream, or as files.
//!
//! In: bodies and lines. Out: [`Submission`](model::submission::Submission)s through [`crate::Intake`], and what was
//! taken and what not.
//!
//! Two forms of content. `raw`: a complete message, sent as it is. Otherwise parts (`from`, `subject`, `html`, `text`,
//! attachments) with Liquid inside and variables for each recipient: stored once as a merge program, rendered at
//! delivery. Recipients that cannot be written to are left out and named; the others go.
//!
//! [`request`] says what the JSON looks like, [`content`] makes a message of it, [`rows`] reads its recipients without
//! holding them, [`draft`] is a request that has been looked through, [`stream`] one that comes line by line. [`feed`]
//! commits in parts, [`keys`] remembers idempotency keys, [`service`] ties these together.
//!
//! Invariants: nothing of a JSON request is committed before all of it was read and found right; what was committed
//! under a key is never committed again.
//! Must not: know HTTP; decide who may send.   Limits: [`Config`] and the constants here.

pub mod config;
pub mod content;
pub mod draft;
pub mod feed;
pub mod keys;
pub mod request;
pub mod rows;
pub mod service;
pub mod stream;

pub use config::Config;
pub use content::{Domains, Ways};
pub use draft::Draft;
pub use keys::KeyTrouble;
pub use request::{Injection, InjectionRecipient, RejectedRecipient};
pub use service::{Accepted, Injections, Taken};
pub use stream::Lines;

/// Most extra headers of one message.
pub const HEADERS_MAX: usize = 50;

/// Most attachments of one message.
pub const ATTACHMENTS_MAX: usize = 50;

/// Most recipients that an answer names as left out; the others are counted.
pub const REJECTED_MAX: usize = 1_000;

/// A request that cannot be taken: nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InjectionError {
    /// Path of the field concerned; empty for the whole.
    pub field: String,
    /// A sentence that says how to mend it; for [`Kind::Json`] what the reader of JSON said.
    pub reason: String,
    /// What kind of mistake it is.
    pub kind: Kind,
}

/// A kind of mistake in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that cannot be.
    Value,
    /// Not the JSON that is expected: the words are those of a reader for programmers.
    Json,
    /// More than one request may hold.
    TooMuch,
}

pub(crate) fn wrong(field: impl Into<String>, reason: impl Into<String>) -> InjectionError {
    InjectionError { field: field.into(), reason: reason.into(), kind: Kind::Value }
}

pub(crate) fn unreadable(field: impl Into<String>, said: &serde_json::Error) -> InjectionError {
    let not_json = if said.is_syntax() || said.is_eof() { "Failed to parse the request body as JSON: " } else { "" };
    InjectionError { field: field.into(), reason: format!("{not_json}{said}"), kind: Kind::Json }
}
