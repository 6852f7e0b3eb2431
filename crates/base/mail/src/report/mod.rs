//! Inbound mail that tells about outbound mail: delivery reports, complaints, answers by machines.
//!
//! In: the bytes of a mail that came to a bounce or feedback address. Out: a [`Report`]. Never relays, never answers,
//! and reads no keys: [`Original`] hands out the places where our own token may stand (return path, Message-ID,
//! headers); opening tokens is `token`'s work, deciding what a report leads to is intake's.
//!
//! Standards: RFC 3464 (delivery reports), RFC 5965 and 6591 (feedback), RFC 3834 (automatic answers), RFC 9990
//! and 8460 (aggregate reports). Mails in prose are
//! read by the wording of the programs that write them.
//! Invariants: never panics, whatever the bytes; work and memory are bounded by [`limits`].
//! Known gaps: prose in languages other than English, French, German and a little Japanese romanised wording.

mod aggregate;
mod auto;
mod feedback;
mod fields;
mod original;
mod prose;
mod quoted;
mod reader;
mod rfc3464;

pub use aggregate::{AggregateKind, AggregateReport, announced, read_aggregate};
pub use feedback::{Feedback, FeedbackFormat};
pub use original::{Original, Verp};

use model::name::Name;
use model::reply::{EnhancedStatus, Reply};

use crate::bounce::{Dictionary, ReplyClass};

/// Caps on what is read of one report.
pub mod limits {
    /// Larger mails are cut before they are looked at, in bytes. Reports are small; a quoted original may be long.
    pub const MAIL_BYTES_MAX: usize = 4 << 20;
    /// Recipients taken from one report.
    pub const RECIPIENTS_MAX: usize = 200;
    /// Header fields kept of a quoted original, and fields of one group of a report.
    pub const FIELDS_MAX: usize = 200;
    /// Bytes kept of one field.
    pub const FIELD_BYTES_MAX: usize = 4_096;
    /// Parts of a mail that are looked at.
    pub const PARTS_MAX: usize = 100;
    /// An aggregate report that is larger when unpacked is not read, in bytes.
    pub const AGGREGATE_BYTES_MAX: usize = 16 << 20;
    /// Reports inside reports (a forwarded bounce).
    pub const DEPTH_MAX: usize = 3;
    /// Lines of prose that are looked at.
    pub const LINES_MAX: usize = 2_000;
}

/// What an inbound mail turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A delivery report: bounced, delayed or (on request) delivered.
    Delivery(Box<DeliveryReport>),
    /// A complaint or another feedback report.
    Feedback(Box<Feedback>),
    /// An answer by a machine: out of office, challenge.
    AutoReply(Box<AutoReply>),
    /// A mail by a person, or nothing that can be understood.
    None,
}

/// A delivery report with what it says of each recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryReport {
    /// True when the mail has the form of RFC 3464, false when it was read from prose.
    pub structured: bool,
    /// The host that reports.
    pub reporting_mta: Option<String>,
    /// ENVID of the original transaction.
    pub envelope_id: Option<String>,
    /// One entry a recipient, at most [`limits::RECIPIENTS_MAX`].
    pub recipients: Vec<RecipientReport>,
    /// The mail that is reported about, as far as it is quoted.
    pub original: Original,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipientReport {
    /// The address as the report names it; may be another than the one written to (forwarding), or missing.
    pub recipient: Option<String>,
    /// The address first written to, when the report names it.
    pub original_recipient: Option<String>,
    /// What was done.
    pub action: Action,
    /// The status code of the report.
    pub status: Option<EnhancedStatus>,
    /// The reply that caused it; a code of 0 means that only words were given.
    pub reply: Option<Reply>,
    /// The host that gave this reply.
    pub remote_mta: Option<String>,
    /// What it means.
    pub class: ReplyClass,
}

/// RFC 3464 2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still trying.
    Delayed,
    /// Delivered.
    Delivered,
    /// Handed to a system that sends no reports.
    Relayed,
    /// Delivered and sent on to several addresses.
    Expanded,
}

impl Action {
    /// Its name in reports and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

/// An answer by a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoReply {
    /// Who answered.
    pub from: Option<String>,
    /// What gave it away: the name of a header or `wording`.
    pub sign: Name,
    /// Its subject.
    pub subject: Option<String>,
    /// The mail that is answered, as far as it is quoted or referred to.
    pub original: Original,
}

/// Reads an inbound mail. The `dictionary` names the category of each failure.
pub fn read(raw: &[u8], dictionary: &Dictionary) -> Report {
    reader::read(raw, dictionary)
}
