//! Intake: the one way in. It validates, gives ids and commits to the spool; it owns the SMTP listeners, and it reads
//! the mail that comes back (delivery reports, complaints, unsubscribes).
//!
//! In: [`Submission`](model::submission::Submission)s of SMTP clients, HTTP injection and campaign feeds; inbound mail for
//! the bounce domains. Out: admissions to the spool, of which intake is the only writer, and events.
//!
//! Invariants: a positive answer is given only when the submission is on disk; a submission is taken whole or not at
//! all; mail of strangers is never passed on, whatever its address looks like (see [`relay`]); inbound mail leads to
//! events, and what people wrote goes to the one address that is configured for it; what a report claims is no proof.
//! Must not: decide when or how something is delivered, answer mail with mail (but for [`notices`] of failure).
//! Standards: RFC 5321, 6409 (submission), 8314.   Limits: [`Config`].
//! Known gaps: no per-user quota; a user who may submit may name any tenant.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arrivals;
mod attribution;
mod belief;
pub mod config;
mod conversation;
mod door;
pub mod floor;
#[doc(hidden)]
pub mod fuzzing;
mod hints;
mod inbound;
mod inbox;
pub mod injection;
mod listeners;
mod moment;
mod network;
mod notice_text;
pub mod notices;
mod outbox;
pub mod pickup;
mod rates;
mod recorder;
pub mod relay;
mod rewrite;
mod submit;
mod trace;
mod validate;
mod verification;

pub use config::Config;
pub use listeners::{Listeners, Ports, StartError};
pub use network::Network;
pub use submit::Intake;
pub use validate::Known;

use std::sync::Arc;

use mail::token::Addressee;
use model::id::RecipientId;
use model::name::Name;
use smtp::BoxFuture;

/// Knows who may submit mail. Implemented over the accounts by the binary.
pub trait Authenticator: Send + Sync + 'static {
    /// As whom this user is known; `None` when user and password do not fit.
    ///
    /// # Errors
    /// [`CannotVerify`]: nothing can be said at the moment; the client is told to try again (454).
    fn verify<'a>(&'a self, user: &'a str, password: &'a str)
    -> BoxFuture<'a, Result<Option<Submitter>, CannotVerify>>;
}

/// Somebody who may submit.
#[derive(Clone, Default)]
pub struct Submitter {
    /// Under which name he is known.
    pub name: Name,
    /// What he may name; `intake.users` may narrow it further.
    pub grants: Grants,
    /// How much he may send; without it, any number.
    pub quota: Option<Arc<dyn Quota>>,
}

/// How many recipients somebody may send to. Implemented over the accounts by the binary.
pub trait Quota: Send + Sync + 'static {
    /// Takes so many, all or none.
    ///
    /// # Errors
    /// [`Exceeded`]: none was taken.
    fn take(&self, recipients: u32) -> BoxFuture<'_, Result<(), Exceeded>>;

    /// They were not sent to after all.
    fn give_back(&self, recipients: u32);
}

/// Why nothing more may be sent, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Not now (451).
    #[error("{0}")]
    Later(String),
    /// Never so many at once (554).
    #[error("{0}")]
    Never(String),
}

/// What a submitter may name; an empty list stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Whose mail he may submit.
    pub tenants: Vec<Name>,
    /// Kinds of traffic.
    pub streams: Vec<Name>,
    /// Pools and sources.
    pub pools: Vec<Name>,
    /// Domains of his senders: `example.com` only itself, `.example.com` all below it.
    pub sender_domains: Vec<String>,
}

impl From<Name> for Submitter {
    fn from(name: Name) -> Self {
        Submitter { name, ..Submitter::default() }
    }
}

/// Credentials cannot be verified at the moment, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credentials cannot be verified: {0}")]
pub struct CannotVerify(pub String);

/// Knows whom we wrote to, also in mails that left the spool long ago. Implemented over the event store by the binary.
pub trait AddressBook: Send + Sync + 'static {
    /// To which address a recipient's mail went, and as what; `None` when nothing is known of him (any more).
    ///
    /// # Errors
    /// [`CannotLookUp`]: nothing can be said at the moment; whoever reports is told to try again (451).
    fn addressee(&self, recipient: RecipientId) -> BoxFuture<'_, Result<Option<Addressee>, CannotLookUp>>;
}

/// A recipient cannot be looked up at the moment, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recipient cannot be looked up: {0}")]
pub struct CannotLookUp(pub String);
