//! What comes in: a submission, and what the submitter is told.
//!
//! Every way in (SMTP, HTTP, pickup, campaign) makes a [`Submission`]; only intake takes one and commits it to the
//! spool. A submission is committed whole or not at all, its checkpoint included.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{CampaignId, ContactId, MessageId, RecipientId};
use crate::name::Name;
use crate::time::Timestamp;
use crate::value::Value;

/// One content, or more recipients for a content that is in the spool already.
#[derive(Clone, Debug)]
pub struct Submission {
    /// New content with its envelope, or the message to which recipients are added.
    pub content: ContentSource,
    /// At least one, at most [`Submission::RECIPIENTS_MAX`].
    pub recipients: Vec<NewRecipient>,
    /// Committed together with the recipients, so that a feed resumes exactly (see [`Checkpoint`]).
    pub checkpoint: Option<Checkpoint>,
}

impl Submission {
    /// Most recipients in one submission: one spool record, one range of ids.
    pub const RECIPIENTS_MAX: usize = 4_096;
}

/// Where the content of a submission is.
#[derive(Clone, Debug)]
pub enum ContentSource {
    /// Comes with the submission.
    New(Box<NewMessage>),
    /// Is in the spool; recipients are added to it.
    Existing(MessageId),
}

/// A message without its recipients.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The bytes.
    pub content: Content,
    /// Return path and transport options.
    pub envelope: Envelope,
    /// How it is to be treated.
    pub routing: Routing,
    /// How it came in.
    pub origin: Origin,
}

/// The bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Content {
    /// A complete message in RFC 5322 form with CRLF line ends; sent as it is.
    #[n(0)]
    Raw(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A merge program (`mail::merge`), rendered for each recipient at delivery.
    #[n(1)]
    Merge(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
}

impl Content {
    /// Size as stored, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Content::Raw(bytes) | Content::Merge(bytes) => bytes.len(),
        }
    }

    /// True when there is not a single byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Return path and transport options (RFC 5321, 6152, 6531, 3461).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Envelope {
    /// The return path.
    #[n(0)]
    pub sender: ReturnPath,
    /// BODY=8BITMIME.
    #[n(1)]
    pub eight_bit: bool,
    /// SMTPUTF8.
    #[n(2)]
    pub smtputf8: bool,
    /// ENVID (RFC 3461 4.4), as given (xtext decoded).
    #[n(3)]
    pub envid: Option<String>,
    /// RET (RFC 3461 4.3).
    #[n(4)]
    pub ret: Option<Ret>,
    /// Some recipient's NOTIFY asks for news of success or delay: told beside the rows, so that nobody has to read those
    /// of every delivery.
    #[n(5)]
    #[cbor(default)]
    pub notify: bool,
}

/// How much of the message a delivery report should contain (RFC 3461 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Ret {
    /// The whole message.
    #[n(0)]
    Full,
    /// Its headers.
    #[n(1)]
    Headers,
}

impl Ret {
    /// As it is written in MAIL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ret::Full => "FULL",
            Ret::Headers => "HDRS",
        }
    }
}

/// The address in MAIL FROM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
pub enum ReturnPath {
    /// `<>`: reports about this message must not be sent.
    #[default]
    #[n(0)]
    Null,
    /// The same for all recipients.
    #[n(1)]
    Fixed(#[n(0)] String),
    /// One for each recipient: a sealed token at this domain, so that a bounce names its recipient (VERP).
    #[n(2)]
    PerRecipient(#[n(0)] String),
}

/// How a message is to be treated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Routing {
    /// Whose mail it is; `default` where nobody said.
    #[n(0)]
    pub tenant: Name,
    /// Kind of traffic: `transactional`, `bulk` or a name of the operator's.
    #[n(1)]
    pub stream: Name,
    /// The unit of work it belongs to, for finding and cancelling; may be empty.
    #[n(2)]
    pub job: Name,
    /// The campaign it belongs to.
    #[n(3)]
    pub campaign: Option<CampaignId>,
    /// The pool of sources; the stream's default pool when absent.
    #[n(4)]
    pub pool: Option<Name>,
    /// Not to be attempted before.
    #[n(5)]
    pub not_before: Option<Timestamp>,
    /// Not to be attempted after; the stream's `max_age` when absent.
    #[n(6)]
    pub expires: Option<Timestamp>,
    /// The domain whose DKIM keys sign it; the domain of the From header when absent. Empty: it is not signed.
    #[n(7)]
    pub signing_domain: Option<Name>,
    /// What the submitter wants to find with every event of the message.
    #[n(8)]
    #[cbor(default)]
    pub labels: Labels,
}

/// What the submitter wants to find again with every event of a message. Means nothing to the suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Labels {
    /// Words for sorting and searching.
    #[n(0)]
    #[cbor(default)]
    pub tags: Vec<Name>,
    /// Named texts.
    #[n(1)]
    #[cbor(default)]
    pub metadata: Metadata,
    /// Some recipient has metadata of its own in its row ([`NewRecipient::metadata`]): told here, so that nobody has to
    /// read the rows of messages that have none.
    #[n(2)]
    #[cbor(default)]
    pub in_rows: bool,
}

/// Named texts of the submitter's.
pub type Metadata = BTreeMap<String, String>;

impl Labels {
    /// Most tags of a message.
    pub const TAGS_MAX: usize = 16;
    /// Longest tag, in bytes.
    pub const TAG_LEN_MAX: usize = 64;
    /// Most names of metadata; of a message and of a recipient each.
    pub const METADATA_MAX: usize = 32;
    /// Longest name of metadata, in bytes.
    pub const METADATA_NAME_LEN_MAX: usize = 64;
    /// Most bytes of names and texts together: they stand in every event.
    pub const METADATA_BYTES_MAX: usize = 2_048;

    /// Checks metadata against the limits. Control characters are refused: the texts end in logs, pages and exports.
    ///
    /// # Errors
    /// What is wrong, in words for the submitter.
    pub fn check_metadata(metadata: &Metadata) -> Result<(), String> {
        if metadata.len() > Self::METADATA_MAX {
            return Err(format!("{} names; at most {}", metadata.len(), Self::METADATA_MAX));
        }
        let mut bytes = 0;
        for (name, text) in metadata {
            let is_name = (1..=Self::METADATA_NAME_LEN_MAX).contains(&name.len());
            if !is_name || name.chars().any(|letter| letter.is_control() || letter == '=') {
                let len_max = Self::METADATA_NAME_LEN_MAX;
                return Err(format!("{name:?} is no name: 1 to {len_max} printable bytes, no \"=\""));
            }
            if text.chars().any(char::is_control) {
                return Err(format!("a control character in {name:?}"));
            }
            bytes += name.len() + text.len();
        }
        if bytes > Self::METADATA_BYTES_MAX {
            return Err(format!("{bytes} bytes; at most {} together", Self::METADATA_BYTES_MAX));
        }
        Ok(())
    }

    /// Checks tags against the limits.
    ///
    /// # Errors
    /// What is wrong, in words for the submitter.
    pub fn check_tags(tags: &[Name]) -> Result<(), String> {
        if tags.len() > Self::TAGS_MAX {
            return Err(format!("{} tags; at most {}", tags.len(), Self::TAGS_MAX));
        }
        let is_tag = |tag: &Name| (1..=Self::TAG_LEN_MAX).contains(&tag.len()) && !tag.chars().any(char::is_control);
        match tags.iter().find(|tag| !is_tag(tag)) {
            Some(tag) => Err(format!("{:?} is no tag: 1 to {} printable bytes", &**tag, Self::TAG_LEN_MAX)),
            None => Ok(()),
        }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Routing {
            tenant: Name::from("default"),
            stream: Name::from("transactional"),
            job: Name::default(),
            campaign: None,
            pool: None,
            not_before: None,
            expires: None,
            signing_domain: None,
            labels: Labels::default(),
        }
    }
}

/// How a message came in.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, minicbor::Encode, minicbor::Decode, utoipa::ToSchema,
)]
#[cbor(map)]
pub struct Origin {
    /// The way in.
    #[n(0)]
    pub protocol: Protocol,
    /// The address of the peer.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub peer: Option<IpAddr>,
    /// The user or API key that authenticated.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
}

/// A way in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    minicbor::Encode,
    minicbor::Decode,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Protocol {
    /// An SMTP listener.
    #[n(0)]
    Smtp,
    /// HTTP injection.
    #[n(1)]
    Http,
    /// A campaign's feed.
    #[n(2)]
    Campaign,
    /// Made by the suite itself: a DSN, a test mail.
    #[n(3)]
    Internal,
    /// A file in the pickup directory.
    #[n(4)]
    Pickup,
}

/// A recipient before it has an id.
#[derive(Clone, Debug, Default, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct NewRecipient {
    /// The address as it goes into RCPT TO: domain in A-label form, lower case; local part as given.
    #[n(0)]
    pub address: String,
    /// The contact behind it.
    #[n(1)]
    pub contact: Option<ContactId>,
    /// One value for each slot of the merge program, in its order; empty for raw content.
    #[n(2)]
    pub values: Vec<Value>,
    /// NOTIFY and ORCPT (RFC 3461), when the client gave them.
    #[n(3)]
    pub dsn: Option<DsnOptions>,
    /// Named texts of the submitter's for this recipient, beside those of the message; with every event of the recipient
    /// when [`Labels::in_rows`] says that rows have some.
    #[n(4)]
    #[cbor(default)]
    pub metadata: Metadata,
}

/// What a client asked for about delivery reports (RFC 3461 4.1, 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct DsnOptions {
    /// NOTIFY=NEVER.
    #[n(0)]
    pub never: bool,
    /// NOTIFY=SUCCESS.
    #[n(1)]
    pub success: bool,
    /// NOTIFY=FAILURE.
    #[n(2)]
    pub failure: bool,
    /// NOTIFY=DELAY.
    #[n(3)]
    pub delay: bool,
    /// ORCPT as given, type included.
    #[n(4)]
    pub original_recipient: Option<String>,
}

/// How far a feed has come: committed in the same record as the recipients it speaks of.
///
/// After a crash the feed asks intake for its last checkpoint and goes on behind it, so every recipient is handed over
/// exactly once whatever its own database remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub struct Checkpoint {
    /// Which feed: the campaign's number, or that of an injected message with [`Checkpoint::INJECTED`].
    #[n(0)]
    pub feed: u64,
    /// The last position handed over; grows.
    #[n(1)]
    pub position: u64,
}

impl Checkpoint {
    /// The bit that sets the feeds of injected messages apart from campaigns: generated numbers do not reach it before
    /// the year 2089.
    pub const INJECTED: u64 = 1 << 63;
}

/// What the submitter gets: it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message.
    pub message: MessageId,
    /// The recipients' ids are this one and the following ones, in the order of the submission.
    pub first_recipient: RecipientId,
    /// How many recipients were accepted.
    pub count: u32,
}

/// Why a submission was not taken. The submitter keeps the responsibility.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The submission itself is wrong; the same again will be refused again (5xx, 400).
    #[error("{reason}")]
    Invalid {
        /// What is wrong, for the submitter.
        reason: String,
    },
    /// It names something that the configuration does not have (5xx, 400).
    #[error("{field}: {reason}")]
    Unknown {
        /// What it names: `stream` or `pool`.
        field: String,
        /// What is wrong, for the submitter.
        reason: String,
    },
    /// There is no such message in the spool to add recipients to (any more).
    #[error("no message {0} in the spool")]
    UnknownMessage(MessageId),
    /// No room or too busy: try again later (452, 503).
    #[error("{reason}")]
    Unavailable {
        /// Which floor or limit was reached.
        reason: String,
    },
}
