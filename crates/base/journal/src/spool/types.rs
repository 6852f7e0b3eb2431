//! What goes into a spool and comes out of it, and why something does not.

use std::time::Duration;

use model::handoff::{Admitted, MessageHead, RowRef};
use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, Content, NewRecipient};
use model::time::Timestamp;

use crate::{Damage, Options};

/// How a spool is kept.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// The log below.
    pub log: Options,
    /// Most commits that the queue has not taken over yet; more submitters wait.
    pub admitted_max: usize,
    /// Submitters wait so long for the queue, then they are refused ([`AdmitError::Busy`]): nobody shall wait for it
    /// until his own patience ends and then come again with mail that is taken all the same.
    pub admit_wait_max: Duration,
    /// Most acks taken over but not yet written; more wait.
    pub acks_max: usize,
    /// Memory for contents read lately.
    pub content_cache_bytes: usize,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        SpoolOptions {
            log: Options::default(),
            admitted_max: 256,
            admit_wait_max: Duration::from_secs(5),
            acks_max: 65_536,
            content_cache_bytes: 32 << 20,
        }
    }
}

/// What was found on disk.
#[derive(Debug, Default)]
pub struct SpoolRecovery {
    /// All recipients that are not done, by message, oldest commit first; with attempts and due time as last told.
    pub admitted: Vec<Admitted>,
    /// The highest id ever stored; new ids continue behind it. 0 for an empty spool.
    pub newest_id: u64,
    /// Bytes of commits that were never acknowledged, cut from the end.
    pub torn_bytes: u64,
    /// Damaged places in the acknowledged part; their bytes are kept beside the log.
    pub quarantined: Vec<Damage>,
}

/// What to admit: one content or more recipients for one that is here, committed whole or not at all.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The content, or whose recipients these are.
    pub message: AdmitMessage,
    /// At most [`model::submission::Submission::RECIPIENTS_MAX`], ids given by intake. May be empty only for a new
    /// message that is held open.
    pub recipients: Vec<(RecipientId, NewRecipient)>,
    /// When the first attempt is due.
    pub due: Timestamp,
    /// How far the feed has come with these recipients.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the message stays when all its recipients are done.
    pub hold: Hold,
}

/// The message of an admission.
#[derive(Clone, Debug)]
pub enum AdmitMessage {
    /// A new one. `head.size_bytes` is set by the spool.
    New {
        /// What is known of it without its bytes.
        head: Box<MessageHead>,
        /// Its bytes.
        content: Content,
    },
    /// One that is in the spool.
    Existing(MessageId),
}

/// Whether a message stays in the spool when all its recipients are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// As before; a new message goes with its last recipient.
    #[default]
    Unchanged,
    /// Stays: a feed will add recipients. Ends with [`Hold::Closed`] or [`Spool::finish`].
    Open,
    /// Goes with its last recipient.
    Closed,
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Nothing more will be done; the row can go.
    Done(RecipientId, RowRef),
    /// Another attempt follows.
    Deferred {
        /// Who.
        recipient: RecipientId,
        /// Where the row lies.
        row: RowRef,
        /// Attempts made so far.
        attempts: u16,
        /// When the next is due.
        due: Timestamp,
    },
}

/// Why an admission was not taken. Nothing of it is in the spool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The disk, or the room allowed to the spool, is full: try again later (452).
    #[error("no room in the spool")]
    NoSpace,
    /// The queue takes nothing over at the moment: try again later (452).
    #[error("the queue is too busy to take it over")]
    Busy,
    /// Recipients for a message that is not (or no longer) here: the caller's mistake.
    #[error("no message {0} in the spool")]
    UnknownMessage(MessageId),
    /// Larger than a record may be: refuse for good (552).
    #[error("{bytes} bytes are more than the {bytes_max} that a record can have")]
    TooLarge {
        /// Size of the admission.
        bytes: u64,
        /// Most bytes of a record.
        bytes_max: u64,
    },
    /// No recipients, or more than fit into one record: the caller's mistake.
    #[error("an admission of {0} recipients")]
    Count(usize),
    /// The spool is closed, or the queue is gone: the program is about to end.
    #[error("the spool is closed")]
    Closed,
    /// The disk failed; the spool takes nothing until it works again, or (see [`super::Spool::failure`]) until it is opened
    /// again. Whether this admission is on disk is not known: it is not, once the spool takes something again.
    #[error("the spool failed: {0}")]
    Failed(String),
}

/// Why an ack was not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// The spool is closed: after the next start the event log tells it again.
    #[error("the spool is closed")]
    Closed,
    /// Acknowledged records were damaged: the spool takes nothing more until it is opened again.
    #[error("the spool failed: {0}")]
    Failed(String),
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not here (any more): done long ago, or a wrong reference.
    #[error("not in the spool")]
    Gone,
    /// The bytes on disk are not what was written; they are kept, the caller gives up on this recipient or message.
    #[error("damaged in segment {segment} at {offset}: {reason}")]
    Damaged {
        /// Number of the segment.
        segment: u32,
        /// Where in it.
        offset: u32,
        /// What is wrong.
        reason: String,
    },
    /// The disk failed: try again.
    #[error("cannot read the spool")]
    Io(#[from] std::io::Error),
}

/// Sizes, for people and for monitoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Segment files.
    pub segments: u64,
    /// Bytes of all segment files.
    pub bytes: u64,
    /// Bytes of records that are still needed.
    pub live_bytes: u64,
    /// Recipients that are not done.
    pub live_recipients: u64,
    /// Messages with such recipients, or held open.
    pub live_messages: u64,
    /// Recipients given up since the start because their records are damaged; the bytes are in quarantine.
    pub lost_recipients: u64,
    /// True while admissions are refused for want of room.
    pub full: bool,
}
