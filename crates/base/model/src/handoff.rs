//! What intake, queue and delivery say to each other, over bounded channels that only the binary ties.
//!
//! ```text
//! intake ── Admitted ──▶ queue ── ToDelivery ──▶ delivery
//!                          ▲ ──── FromDelivery ──────┘
//! ```
//! Spool, queue and delivery name a recipient by [`RecipientId`] and find its row by [`RowRef`]; addresses and merge
//! values stay on disk until delivery reads them.

use std::sync::Arc;
use std::time::Duration;

use crate::category::{Category, Disposition, Scope};
use crate::event::Attempt;
use crate::id::{ContactId, MessageId, RecipientId, SessionId};
use crate::name::Name;
use crate::route::PathSpec;
use crate::submission::{Envelope, Origin, Routing};
use crate::time::Timestamp;

/// Where in the spool a recipient's row lies. Opaque to everyone but `journal::spool`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowRef {
    /// Number of the segment.
    pub segment: u32,
    /// Byte offset of the record in the segment.
    pub offset: u32,
    /// Which row of the record.
    pub row: u16,
}

/// What is known of a message without its bytes; shared by its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// The message.
    pub id: MessageId,
    /// Return path and transport options.
    pub envelope: Envelope,
    /// How it is to be treated.
    pub routing: Routing,
    /// How it came in.
    pub origin: Origin,
    /// When it was committed.
    pub received_at: Timestamp,
    /// Size of the content as stored, in bytes.
    pub size_bytes: u64,
}

/// One recipient as the queue knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpooledRecipient {
    /// Who.
    pub id: RecipientId,
    /// Where its row lies.
    pub row: RowRef,
    /// Domain of the address: A-label form, lower case.
    pub domain: Name,
    /// The contact behind it.
    pub contact: Option<ContactId>,
    /// Attempts made so far (0 for a fresh one; more after a restart).
    pub attempts: u16,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// The address, for the event that tells of its reception. The spool fills it at admission and at recovery; the
    /// queue takes it out and keeps no address in memory. Absent where the row could not be read.
    pub address: Option<Box<str>>,
}

/// Intake (or recovery) to queue: these recipients are on disk and are the queue's from now on.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Place of the record in the order of commits; grows.
    pub position: u64,
    /// The message they belong to.
    pub message: Arc<MessageHead>,
    /// The recipients.
    pub recipients: Vec<SpooledRecipient>,
}

/// One recipient to be attempted now.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Who.
    pub recipient: RecipientId,
    /// Where its row lies.
    pub row: RowRef,
    /// The message.
    pub message: Arc<MessageHead>,
    /// The contact behind it.
    pub contact: Option<ContactId>,
    /// Number of this attempt, from 1.
    pub attempt: u16,
}

/// Queue to delivery.
#[derive(Debug)]
pub enum ToDelivery {
    /// Open a connection on this path and answer with [`FromDelivery::Ready`] when it may have work.
    Open {
        /// Name of the new session, chosen by the queue.
        session: SessionId,
        /// What to connect to and how.
        path: Arc<PathSpec>,
    },
    /// Attempt these; each gets exactly one [`FromDelivery::Done`].
    Give {
        /// To which session.
        session: SessionId,
        /// One or more.
        tickets: Vec<Ticket>,
    },
    /// Finish what was given, say QUIT, answer with [`FromDelivery::Closed`].
    Close {
        /// Which session.
        session: SessionId,
    },
}

/// Delivery to queue.
#[derive(Debug)]
pub enum FromDelivery {
    /// The session has (almost) finished what it was given and can take up to `room` tickets.
    Ready {
        /// Which session.
        session: SessionId,
        /// How many tickets it can take; at least 1.
        room: u32,
    },
    /// One ticket is finished.
    Done(Box<Outcome>),
    /// The host closed the connection without a word after it had taken some messages: it has had enough of it. Said
    /// before [`FromDelivery::Closed`].
    HostLimit {
        /// Which session.
        session: SessionId,
        /// After how many messages.
        messages: u32,
    },
    /// The session is gone. Tickets without a [`FromDelivery::Done`] were never attempted and go back to the queue.
    Closed {
        /// Which session.
        session: SessionId,
        /// Why it could not be opened or had to end; `None` for an orderly end.
        trouble: Option<Box<SessionTrouble>>,
    },
    /// A source can send, or cannot: its address is not on this machine, or none of its proxies works. Said when it
    /// changes, and at each check as long as it cannot; every source counts as able before.
    Source {
        /// Its name.
        source: Name,
        /// Why it cannot send; `None` when it can again.
        down: Option<String>,
        /// How long from now until it is looked at again, as far as that is known.
        check_in: Option<Duration>,
    },
}

/// A session that could not be opened or broke outside of a transaction.
#[derive(Clone, Debug)]
pub struct SessionTrouble {
    /// What it means (made by `delivery::verdict`).
    pub verdict: Verdict,
    /// What happened, for the events of the waiting recipients.
    pub attempt: Attempt,
}

/// What a reply or an IO error means for the recipient and for everything else on the path.
///
/// Made only by `delivery::verdict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Delivered, Deferred (try again), Bounced (never) or Suppressed. Expiry is the queue's to say.
    pub disposition: Disposition,
    /// Whom the reply concerns.
    pub scope: Scope,
    /// What it is called; `None` when delivered.
    pub category: Option<Category>,
    /// The address itself is bad: do not write to it again.
    pub suppress: bool,
    /// The provider asks to wait so many seconds.
    pub wait_s: Option<u32>,
}

/// One attempt of one recipient, finished.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub recipient: RecipientId,
    /// On which session.
    pub session: SessionId,
    /// When it was known.
    pub at: Timestamp,
    /// The address it went to, for the event.
    pub address: String,
    /// What it means.
    pub verdict: Verdict,
    /// What happened.
    pub attempt: Attempt,
}
